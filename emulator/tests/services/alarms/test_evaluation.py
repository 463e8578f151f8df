"""The state of an alarm from its data points: the tables of CloudWatch's user guide, and more."""

from typing import Any

import pytest

from sagemaker_emulator.services.alarms.evaluation import Point, judge, range_of

BREACH, WITHIN = 2.0, 0.0
KEEP = None


def alarm(periods: int, needed: int | None, treat: str | None, **members: Any) -> dict[str, Any]:
    made = {
        "EvaluationPeriods": periods,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Statistic": "Sum",
        "Period": 300,
        **members,
    }
    made |= {"DatapointsToAlarm": needed} if needed else {}
    return made | ({"TreatMissingData": treat} if treat else {})


def points(text: str) -> list[Point]:
    values = {"-": None, "0": WITHIN, "X": BREACH}
    return [Point(300.0 * place, values[sign], 1.0) for place, sign in enumerate(text.split())]


TABLE = [
    (3, "0 - X - X", "OK", "OK", "OK", "OK"),
    (3, "- - - - 0", "OK", "OK", "OK", "OK"),
    (3, "- - - - -", "INSUFFICIENT_DATA", KEEP, "ALARM", "OK"),
    (3, "0 X X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (3, "- - X - -", "ALARM", KEEP, "ALARM", "OK"),
    (2, "0 - X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (2, "0 0 X 0 X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (2, "0 - X - -", "OK", "OK", "ALARM", "OK"),
    (2, "- - - - 0", "OK", "OK", "ALARM", "OK"),
    (2, "- - - X -", "ALARM", KEEP, "ALARM", "OK"),
]


@pytest.mark.parametrize(("needed", "data", "missing", "ignore", "breaching", "within"), TABLE)
def test_missing_data_is_treated_as_the_user_guide_has_it(
    needed: int,
    data: str,
    missing: str | None,
    ignore: str | None,
    breaching: str | None,
    within: str | None,
) -> None:
    found = {
        treat: judge(alarm(3, needed, treat), points(data)).state
        for treat in ("missing", "ignore", "breaching", "notBreaching")
    }
    expected = {
        "missing": missing,
        "ignore": ignore,
        "breaching": breaching,
        "notBreaching": within,
    }
    assert found == expected


def test_all_periods_must_breach_by_default() -> None:
    assert judge(alarm(2, None, None), points("0 0 0 X")).state == "OK"
    assert judge(alarm(2, None, None), points("0 0 X X")).state == "ALARM"


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("GreaterThanOrEqualToThreshold", ["OK", "ALARM", "ALARM"]),
        ("GreaterThanThreshold", ["OK", "OK", "ALARM"]),
        ("LessThanThreshold", ["ALARM", "OK", "OK"]),
        ("LessThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
    ],
)
def test_value_is_compared_with_the_threshold(comparison: str, states: list[str]) -> None:
    watched = alarm(1, None, None, ComparisonOperator=comparison)
    found = [judge(watched, [Point(0.0, value, 1.0)]).state for value in (0.5, 1.0, 1.5)]
    assert found == states


def test_reason_is_worded_as_by_aws() -> None:
    verdict = judge(alarm(1, None, None), [Point(1738497900.0, 2.0, 5.0)])
    assert verdict.reason == (
        "Threshold Crossed: 1 datapoint [2.0 (02/02/25 12:05:00)] was greater than the threshold "
        "(1.0)."
    )


def test_reason_of_an_alarm_of_some_periods_names_those_that_count() -> None:
    watched = alarm(3, 2, None)
    data = [Point(1738497900.0 + 60 * place, value, 1.0) for place, value in enumerate((2, 0, 3))]
    assert judge(watched, data).reason == (
        "Threshold Crossed: 2 out of the last 3 datapoints [3 (02/02/25 12:07:00), 2 (02/02/25 "
        "12:05:00)] were greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM "
        "transition)."
    )
    assert judge(watched, data[:2]).reason.endswith(
        "[0 (02/02/25 12:06:00)] was not greater than the threshold (1.0) (minimum 2 datapoints "
        "for ALARM -> OK transition)."
    )


def test_reason_without_data_says_so() -> None:
    assert judge(alarm(1, None, None), points("- - -")).reason == (
        "Insufficient Data: 1 datapoint was unknown."
    )
    assert judge(alarm(1, None, "notBreaching"), points("- - -")).reason == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was "
        "treated as [NonBreaching]."
    )


def test_more_periods_are_read_than_are_evaluated() -> None:
    assert range_of(alarm(3, None, None)) == 5
