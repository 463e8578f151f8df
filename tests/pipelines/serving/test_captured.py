"""The counts in captured answers, and how two variants' answers are told as pairs."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from pipelines.serving import captured
from pipelines.serving.shadow_comparison import MOST_POINTS, Agreement, period_of

SINCE = datetime(2026, 11, 30, 10, 30, tzinfo=UTC)
ADDRESS = "s3://tally/tally/capture/tally/Shadow-7"


def line(when: str, data: str, encoding: str = "JSON", **about: str) -> str:
    output = {"data": data, "encoding": encoding, "mode": "OUTPUT"}
    event = {"eventId": "event", "inferenceTime": f"2026-11-30T{when}Z", **about}
    return json.dumps({"captureData": {"endpointOutput": output}, "eventMetadata": event})


def found(session: boto3.Session, files: dict[str, list[str]]) -> list[dict[str, int]]:
    s3 = session.client("s3")
    s3.create_bucket(Bucket="tally")
    for hour, lines in files.items():
        key = f"tally/capture/tally/Shadow-7/2026/11/30/{hour}/00-00.jsonl"
        s3.put_object(Bucket="tally", Key=key, Body="\n".join(lines))
    return list(captured.counts(s3, ADDRESS, SINCE, SINCE + timedelta(hours=2)))


def test_hours_come_from_the_newest_to_that_in_which_it_began(session: boto3.Session) -> None:
    files = {
        hour: [line(f"{hour}:45:00", '{"count": 3}', inferenceId=hour)]
        for hour in ("09", "10", "12")
    }
    assert found(session, files) == [{"12": 3}, {}, {"10": 3}]


def test_a_month_without_answers_is_listed_by_days(session: boto3.Session) -> None:
    s3 = session.client("s3")
    s3.create_bucket(Bucket="tally")
    listings = []
    s3.meta.events.register(
        "before-call.s3.ListObjectsV2", lambda params, **_: listings.append(params)
    )
    hours = list(captured.counts(s3, ADDRESS, SINCE, SINCE + timedelta(days=30)))
    assert len(hours) == 30 * 24 + 1
    assert not any(hours)
    assert len(listings) == 31


def test_what_was_answered_before_or_is_no_answer_with_a_count_is_left_out(
    session: boto3.Session,
) -> None:
    lines = [
        line("10:29:59", '{"count": 1}', inferenceId="before"),
        line("10:31:00", '{"error": "damaged"}', inferenceId="refused"),
        line("10:31:00", "not json", inferenceId="text"),
        line("10:31:00", "?", "BASE64", inferenceId="torn"),
        "{",
        "[]",
        line("10:31:00", base64.b64encode(b'{"count": 4}').decode(), "BASE64", inferenceId="kept"),
    ]
    assert found(session, {"10": lines})[-1] == {"kept": 4}


def test_a_request_without_an_inference_id_has_the_event_id(session: boto3.Session) -> None:
    assert found(session, {"10": [line("10:31:00", '{"count": 2}')]})[-1] == {"event": 2}


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        (timedelta(hours=1), 60),
        (timedelta(days=2), 300),
        (timedelta(days=30), 3600),
        (timedelta(days=100), 86_400),
    ],
)
def test_one_answer_of_cloudwatch_holds_all_periods(span: timedelta, seconds: int) -> None:
    assert period_of(span) == seconds
    assert span.total_seconds() / seconds + 2 <= MOST_POINTS


def test_agreement_is_told_with_its_interval() -> None:
    some = Agreement(100, 90, {(1, 2): 3, (4, 3): 7})
    assert some.sentence.startswith("Of 100 requests that both answered, 90 got the same count: 9")
    assert "(95 % interval 82.6 to 94.5)" in some.sentence
    assert some.differences == "4 → 3 (7), 1 → 2 (3)"
    assert "InferenceId" in Agreement(0, 0, {}).sentence
