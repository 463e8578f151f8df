import json
from typing import Any

import pytest

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events import patterns


@pytest.mark.parametrize(
    "pattern, wanted",
    [
        ({"a": ["x", "y"]}, True),
        ({"a": ["z"]}, False),
        ({"a": [{"prefix": "x"}], "n": [{"numeric": [">", 1, "<=", 3]}]}, True),
        ({"n": [{"numeric": [">", 3]}]}, False),
        ({"a": [{"anything-but": ["z"]}]}, True),
        ({"a": [{"anything-but": ["x"]}]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"a": [{"anything-but": {"prefix": ["z", "x"]}}]}, False),
        ({"a": [{"anything-but": {"wildcard": "z*"}}]}, True),
        ({"deep": {"list": ["two"]}}, True),
        ({"deep": {"list": ["three"]}}, False),
        ({"$or": [{"a": ["z"]}, {"n": [3]}]}, True),
        ({"a": [{"wildcard": "*"}]}, True),
        ({"a": [{"prefix": {"equals-ignore-case": "X"}}]}, True),
        ({"a": [{"suffix": {"equals-ignore-case": "Z"}}]}, False),
        ({"a": ["x"], "none": [None]}, True),
        ({"n": [3], "sure": [True]}, True),
        ({"n": [3.0]}, False),  # numbers are compared as they are written
        ({"sure": [1]}, False),
    ],
    ids=str,
)
def test_patterns(pattern: Any, wanted: Any) -> None:
    event = {"a": "x", "n": 3, "none": None, "sure": True, "deep": {"list": ["one", "two"]}}
    assert patterns.matches(patterns.parse(json.dumps(pattern)), event) is wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"a": "x"}',
        '{"a": [["x"]]}',
        '{"a": [{}]}',
        '{"a": [{"like": "x"}]}',
        '{"a": [{"prefix": "x", "suffix": "y"}]}',
        '{"a": [{"prefix": 5}]}',
        '{"a": [{"prefix": {"wildcard": "x"}}]}',
        '{"a": [{"suffix": {"equals-ignore-case": 5}}]}',
        '{"a": [{"wildcard": ["x"]}]}',
        '{"a": [{"exists": "yes"}]}',
        '{"a": [{"numeric": 5}]}',
        '{"a": [{"numeric": []}]}',
        '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"numeric": ["~", 5]}]}',
        '{"a": [{"numeric": [">", "5"]}]}',
        '{"a": [{"numeric": [["<"], 5]}]}',
        '{"a": [{"anything-but": []}]}',
        '{"a": [{"anything-but": ["x", 5]}]}',
        '{"a": [{"anything-but": {"numeric": [">", 5]}}]}',
        '{"$or": [5]}',
    ],
)
def test_wrong_patterns_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="InvalidEventPatternException"):
        patterns.parse(text)
