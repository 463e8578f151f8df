"""The sentence that stands first on every page: it must not flatter, and never guess."""

from typing import Any

import pytest

from evaluation import decision_words

KINDS = {"miscounted": 0.5, "exchanged": 0.5}


def estimate(value: float | None) -> dict[str, float | None]:
    return {"value": value} if value is None else {"value": value, "low": value, "high": value}


def described(precision: float | None = 0.951, **changes: Any) -> dict[str, Any]:
    found = {
        "left_out": "", "match_precision": 0.95, "record_error_rate": 0.1,
        "record_error_kinds": KINDS, "if_nobody_looked": 0.9,
        "fitted": {
            "match_precision": 0.95, "record_error_rate": 0.1, "record_error_kinds": KINDS,
        },
        "looked": estimate(0.35), "found_share": estimate(0.67),
        "precision": estimate(precision), "cannot_judge": estimate(0.04), **changes,
    }  # fmt: skip
    return found | {"missed": decision_words.is_missed(found)}


def test_the_sentence_says_what_people_do_and_what_comes_of_it() -> None:
    assert decision_words.sentence(described()) == (
        "While people look at 35.0 % (35 to 35) of the bins, 67.0 % (67 to 67) of the wrong "
        "records are found; of those that pass, 95.1 % (95 to 95) are right (90 % would be if "
        "nobody looked). 4.0 % (4 to 4) cannot be judged."
    )
    assert decision_words.short(described()) == "looks at 35 %, finds 67 %, 95.1 % right"


@pytest.mark.parametrize(
    ("precision", "missed"), [(0.94, True), (0.9494, True), (0.9496, False), (0.95, False)]
)
def test_a_missed_target_is_said_to_be_missed(precision: float, missed: bool) -> None:
    """What is shown as 95.0 % is not called less than 95 %."""
    sentence = decision_words.sentence(described(precision))
    assert ("are right: the target of 95 % is missed (90 %" in sentence) is missed
    assert decision_words.short(described(precision)).endswith("(target missed)") is missed


def test_where_nothing_passes_no_share_of_it_is_right() -> None:
    nothing = described(None)
    assert nothing["missed"] is None
    assert "are found; no bin passes." in decision_words.sentence(nothing)
    assert decision_words.short(nothing).endswith("not known right")


def test_what_is_not_known_is_said_with_its_reason() -> None:
    unknown = described(left_out="the model was trained without a rule for decisions")
    unknown |= {"found_share": estimate(None)}
    assert decision_words.sentence(unknown) == (
        "What the decision does is not known: the model was trained without a rule for decisions."
    )
    assert decision_words.short(unknown) == "not known"
    assert decision_words.found(unknown) == "not known"
    assert decision_words.found(described()) == "0.670"


def test_thresholds_that_were_fitted_for_something_else() -> None:
    other = described(record_error_rate=0.05, record_error_kinds={"miscounted": 1.0})
    assert decision_words.sentence(other).endswith(
        "The thresholds in the model were fitted for 10 % wrong records, not 5 % and another mix "
        "of wrong records."
    )
