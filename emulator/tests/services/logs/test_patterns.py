"""The filter patterns of CloudWatch Logs in their three forms, and over HTTP."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.logs.patterns.pattern import parse

EVENT = json.dumps(
    {
        "level": "ERROR",
        "latency": 120.5,
        "code": "404",
        "retried": False,
        "cause": None,
        "user": {"name": "ann", "a.b": 1},
        "tags": ["x", "y"],
        "parts": [{"size": 1}, {"size": 9}],
    }
)
ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    "pattern, matching",
    [
        ('{ $.level = "ERROR" }', True),
        ("{ $.level = ERR* }", True),
        ('{ $.level = "WARN" }', False),
        ('{ $.level != "WARN" }', True),
        ('{ $.missing != "WARN" }', False),
        ("{ $.latency > 120 && $.latency <= 1.205e2 }", True),
        ("{ $.latency > 121 }", False),
        ("{ $.code = 404 }", True),
        ('{ $.user.name = "a*" && ($.level = WARN || $.code >= 400) }', True),
        ('{ $.level = WARN && $.code = 404 || $.user.name = "ann" }', True),
        ("{ $.retried IS FALSE }", True),
        ("{ $.retried is true }", False),
        ("{ $.cause IS NULL }", True),
        ("{ $.level IS NULL }", False),
        ("{ $.missing NOT EXISTS }", True),
        ("{ $.cause NOT EXISTS }", False),
        ('{ $.tags[1] = "y" }', True),
        ('{ $.tags[*] = "x" }', True),
        ("{ $.parts[*].size > 5 }", True),
        ("{ $.parts[0].size > 5 }", False),
        ("{ $.user.['a.b'] = 1 }", True),
        ("{ $.level = %^ERR% }", True),
        ("{ $.level = %^RR% }", False),
    ],
)
def test_json_form(pattern: str, matching: bool) -> None:
    assert (parse(pattern).values(EVENT) is not None) is matching


@pytest.mark.parametrize("message", ["level=ERROR", '["ERROR"]', '{"level": "ERROR"', ""])
def test_json_form_matches_no_other_text(message: str) -> None:
    assert parse('{ $.level = "ERROR" }').values(message) is None


@pytest.mark.parametrize(
    "pattern, matching",
    [
        ("[ip, id, user, when, request, status, bytes]", True),
        ("[ip, id, user, when, request, status]", False),
        ("[ip, ..., status = 4*, bytes > 1000]", True),
        ("[..., bytes > 2000]", False),
        ("[ip != 127.*, ...]", False),
        ("[ip, id, user, when, request = *.html*, status = 404 || status = 410, bytes]", True),
        ("[ip, id, user = %^fr%, ...]", True),
        ("[, , user = frank, ...]", True),
        ("[..., status >= 400 && status < 404, bytes]", False),
    ],
)
def test_delimited_form(pattern: str, matching: bool) -> None:
    assert (parse(pattern).values(ACCESS) is not None) is matching


@pytest.mark.parametrize(
    "pattern, matching",
    [
        ("", True),
        ("ERROR", True),
        ("error", False),
        ('"ERROR 4" bad', True),
        ("ERROR -bad", False),
        ("?WARN ?bad", True),
        ("?WARN ?INFO", False),
        ("?WARN ERROR", True),  # beside others, AWS ignores it
        ("%ERROR [0-9]+%", True),
        ("%^bad%", False),
        (r'"a \"quoted\" word"', True),
    ],
)
def test_terms(pattern: str, matching: bool) -> None:
    message = 'ERROR 42: bad, a "quoted" word'
    assert (parse(pattern).values(message) is not None) is matching


@pytest.mark.parametrize("pattern", ["%took [0-9]+%", "{ $.a = %took [0-9]+% }", "[..., last=%9%]"])
def test_expression_finds_beside_half_of_a_pair_of_surrogates(pattern: str) -> None:
    # JSON may have one: `{"a": "..."}` is plain ASCII.
    message = '{"a": "\\ud83d took 9"}' if pattern.startswith("{") else "\ud83d took 9"
    assert parse(pattern).values(message) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a = 1",
        "{ $.a }",
        "{ a = 1 }",
        "{ $.a < x }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $.a IS MAYBE }",
        "{ " + "(" * 400 + "$.a = 1" + ")" * 400 + " }",
        "[a, b",
        "[a = 1 || b = 2]",
        "[..., a, ...]",
        '"torn',
        "%(a)%",
        "%[%",
    ],
)
def test_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ApiError, match="Invalid filter pattern: ") as refusal:
        parse(pattern)
    assert refusal.value.code == "InvalidParameterException"


def test_search_and_trial_by_pattern(emulator: Emulator, name: str) -> None:
    logs: Any = emulator.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="a")
    now = int(time.time() * 1000)
    messages = [EVENT, ACCESS, "plain"]
    events = [{"timestamp": now + at, "message": text} for at, text in enumerate(messages)]
    logs.put_log_events(logGroupName=name, logStreamName="a", logEvents=events)
    for pattern, found in (("{ $.latency > 100 }", EVENT), ("[..., bytes > 1000]", ACCESS)):
        page = logs.filter_log_events(logGroupName=name, filterPattern=pattern)
        assert [event["message"] for event in page["events"]] == [found]
    with pytest.raises(ClientError, match=r"InvalidParameterException.*Invalid filter pattern"):
        logs.filter_log_events(logGroupName=name, filterPattern="{ $.latency }")
    tried = logs.test_metric_filter(
        filterPattern="[..., status = 404, bytes]", logEventMessages=["x", ACCESS]
    )["matches"]
    assert [each["eventNumber"] for each in tried] == [2]
    assert (
        tried[0]["extractedValues"] | {"$status": "404", "$bytes": "1534", "$1": "127.0.0.1"}
        == (tried[0]["extractedValues"])
    )
    tried = logs.test_metric_filter(filterPattern="{ $.latency > 1 }", logEventMessages=[EVENT])
    assert tried["matches"][0]["extractedValues"] == {"$.latency": "120.5"}
