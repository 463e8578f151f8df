"""Schedule expressions, by the examples of AWS's documentation and by what time zones do."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from sagemaker_emulator.services.schedules.expressions import last_time, parse, zone_of


def times(text: str, after: str, count: int = 3, zone: str = "UTC", start: str = "") -> list[str]:
    """The next times of an expression, in its zone."""
    where = zone_of(zone)
    moment = datetime.fromisoformat(after).replace(tzinfo=where).timestamp()
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp() if start else 0.0
    found = []
    for _ in range(count):
        following = parse(text).following(moment, where, begin)
        if following is None:
            break
        moment = following
        found.append(f"{datetime.fromtimestamp(moment, where):%Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    "text, expected",
    [
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
        ("cron(0 10 * * ? *)", ["2026-11-30 10:00", "2026-12-01 10:00", "2026-12-02 10:00"]),
        ("cron(15 12 * * ? *)", ["2026-11-30 12:15", "2026-12-01 12:15", "2026-12-02 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-11-30 18:00", "2026-12-01 18:00", "2026-12-02 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-12-01 08:00", "2027-01-01 08:00", "2027-02-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-11-30 00:15", "2026-11-30 00:30", "2026-11-30 00:45"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2026-11-30 00:10", "2026-11-30 00:20"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-11-30 08:00", "2026-11-30 08:05"]),
        ("cron(0 9 ? * 2#1 *)", ["2026-12-07 09:00", "2027-01-04 09:00", "2027-02-01 09:00"]),
        ("cron(15 10 ? * 6L 2026-2027)", ["2026-12-25 10:15", "2027-01-29 10:15"]),
        ("cron(0 0 L * ? *)", ["2026-12-31 00:00", "2027-01-31 00:00", "2027-02-28 00:00"]),
        # The 1st of August 2026 is a Saturday, the 15th a Saturday: the nearest weekdays.
        ("cron(0 0 1W 8 ? *)", ["2027-08-02 00:00", "2028-08-01 00:00"]),
        ("cron(0 0 31W 1 ? *)", ["2027-01-29 00:00", "2028-01-31 00:00"]),
        ("cron(0 0 ? * SAT,SUN *)", ["2026-12-05 00:00", "2026-12-06 00:00"]),
        ("cron(0 0 ? * FRI-MON *)", ["2026-12-04 00:00", "2026-12-05 00:00", "2026-12-06 00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 ? 1 3#5 *)", ["2029-01-30 00:00", "2030-01-29 00:00"]),
    ],
)
def test_cron_expressions(text: str, expected: list[str]) -> None:
    assert times(text, "2026-11-30 00:00", len(expected)) == expected


def test_a_cron_expression_ends_with_its_years() -> None:
    assert times("cron(0 0 1 1 ? 2025)", "2026-11-30 00:00") == []


def test_a_cron_expression_that_starts_after_all_years_has_no_time() -> None:
    assert (
        times("cron(0 0 1 1 ? *)", "2026-11-30 00:00", zone="Asia/Tokyo", start="9999-12-31") == []
    )


def test_a_time_that_spring_skips_is_none() -> None:
    found = times("cron(30 2 * * ? *)", "2026-03-27 12:00", zone="Europe/Berlin")
    assert found == ["2026-03-28 02:30", "2026-03-30 02:30", "2026-03-31 02:30"]


def test_a_time_that_autumn_has_twice_is_one() -> None:
    found = times("cron(30 2 * * ? *)", "2026-10-24 12:00", zone="Europe/Berlin")
    assert found == ["2026-10-25 02:30", "2026-10-26 02:30", "2026-10-27 02:30"]


def test_a_cron_expression_begins_with_its_start() -> None:
    found = times("cron(0 10 * * ? *)", "2026-11-30 00:00", 1, start="2027-01-05 10:00")
    assert found == ["2027-01-05 10:00"]


def test_a_rate_counts_from_its_start() -> None:
    found = times("rate(5 minutes)", "2026-11-30 00:07", 2, start="2026-11-30 00:01")
    assert found == ["2026-11-30 00:11", "2026-11-30 00:16"]
    assert times("rate(1 day)", "2026-11-30 00:00", 2, start="2026-12-05 06:00") == [
        "2026-12-05 06:00",
        "2026-12-06 06:00",
    ]


def test_a_one_time_expression_is_in_its_zone() -> None:
    where = zone_of("America/New_York")
    time = parse("at(2026-12-01T09:00:00)").following(0, where, 0)
    assert time == datetime(2026, 12, 1, 14, tzinfo=UTC).timestamp()
    assert parse("at(2026-12-01T09:00:00)").following(time, where, 0) is None


@pytest.mark.parametrize(
    "text, reason",
    [
        ("every day", "it must be rate"),
        ("rate(1 minutes)", "singular"),
        ("rate(5 minute)", "plural"),
        ("rate(0 minutes)", "such as rate"),
        ("rate(5 weeks)", "such as rate"),
        ("cron(0 10 * * ?)", "it has 5 fields"),
        ("cron(0 10 * * * *)", r"must be \?"),
        ("cron(0 10 ? * ? *)", r"must be \?"),
        ("cron(60 10 * * ? *)", "no minutes: 0 to 59"),
        ("cron(0 24 * * ? *)", "no hours"),
        ("cron(0 10 32 * ? *)", "no day-of-month"),
        ("cron(0 10 * FOO ? *)", "no month"),
        ("cron(0 10 ? * 8 *)", "no day-of-week"),
        ("cron(0 10 ? * 2#6 *)", "number after #"),
        ("cron(0/0 10 * * ? *)", "no minutes: 1 to 59"),
        ("cron(0 10 * * ? 1969)", "no year"),
        ("at(2026-12-01)", "at.yyyy-mm-dd"),
        ("at(2026-13-01T00:00:00)", "month must be in"),
    ],
)
def test_what_is_no_expression(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)


@pytest.mark.parametrize("name", ["Mars/Phobos", "../../etc/passwd", ""])
def test_what_is_no_time_zone(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_of(name)


def test_times_only_grow() -> None:
    found = times("cron(0/30 0-3 * * ? *)", "2026-10-24 20:00", 40, zone="Europe/Berlin")
    assert all(earlier < later for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    "text, first, now, last",
    [
        ("cron(0 * * * ? *)", "2026-11-01 05:00", "2026-11-30 12:30", "2026-11-30 12:00"),
        ("cron(0 0 1 1 ? *)", "2020-01-01 00:00", "2026-11-30 12:30", "2026-01-01 00:00"),
        ("cron(0 0 1 1 ? *)", "2026-01-01 00:00", "2026-01-01 00:00", "2026-01-01 00:00"),
        ("rate(7 days)", "2026-11-01 05:00", "2026-11-30 12:30", "2026-11-29 05:00"),
        ("at(2020-01-01T00:00:00)", "2020-01-01 00:00", "2026-11-30 12:30", "2020-01-01 00:00"),
    ],
)
def test_the_last_time_until_now(text: str, first: str, now: str, last: str) -> None:
    begin, end = (
        datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp() for each in (first, now)
    )
    found = last_time(parse(text), begin, end, zone_of("UTC"), begin)
    assert f"{datetime.fromtimestamp(found, UTC):%Y-%m-%d %H:%M}" == last
