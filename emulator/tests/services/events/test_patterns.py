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
        # `exists` is of leaves: an object is none.
        ({"deep": [{"exists": True}]}, False),
        ({"deep": [{"exists": False}]}, True),
        ({"deep": {"list": [{"exists": True}]}}, True),
        ({"deep": {"none": [{"exists": False}]}}, True),
        ({"none": [{"exists": True}]}, True),
        # Objects in lists: one of them must have all fields.
        ({"of": {"a": [1]}}, True),
        ({"of": {"a": [1], "b": ["y"]}}, False),
        ({"of": {"a": [2], "b": ["y"]}}, True),
        ({"of": {"in": {"c": [3]}}}, True),
        ({"of": {"a": [1], "in": {"c": [3]}}}, False),
        ({"of": {"$or": [{"a": [3]}, {"b": ["y"]}], "a": [2]}}, True),
        ({"of": {"a": [{"exists": False}]}}, False),
        ({"of": {"z": [{"exists": False}]}}, True),
        ({"of": {"b": ["y"], "in": {"c": [{"exists": False}]}}}, True),
        # Dots are levels.
        ({"deep.list": ["two"]}, True),
        ({"dotted": {"key": {"x": [1]}}}, True),
        ({"dotted.key.x": [1]}, True),
        ({"dotted.key": {"x": [2]}}, False),
        # In the text of a wildcard, `*` and `\\` are written with a `\\` before them.
        ({"star": [{"wildcard": "a\\*b"}]}, True),
        ({"a": [{"wildcard": "\\*"}]}, False),
        ({"path": [{"wildcard": "c:\\\\*\\\\x"}]}, True),
        ({"path": [{"wildcard": "c:*d*x"}]}, True),
        ({"star": [{"wildcard": "a*b*b"}]}, False),
        ({"ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"ip": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, False),
        ({"ip6": [{"cidr": "2001:db8::/32"}]}, True),
        ({"a": [{"exactly": "x"}]}, True),
        ({"n": [{"numeric": ["=", 3.0]}]}, True),
        ({"sure": [{"numeric": ["=", 1]}]}, False),
        ({"n": [{"anything-but": 3}]}, False),
        ({"n": [{"anything-but": [3.0, 4]}]}, False),
        ({"n": [{"anything-but": "x"}]}, True),
        ({"none": [{"anything-but": "x"}]}, True),
        ({"missing": [{"anything-but": "x"}]}, False),
        ({"deep": {"list": [{"anything-but": "one"}]}}, True),  # "two" is another
        ({"a": [{"anything-but": {"suffix": "x"}}]}, False),
        ({"a": [{"anything-but": {"equals-ignore-case": ["X", "Y"]}}]}, False),
        ({"a": ["x", {"exists": False}]}, True),
        ({"missing": ["x", {"exists": False}]}, True),
        ({"n": ["x", {"exists": False}]}, False),
        ({"$or": [{"a": ["z"]}, {"n": [4]}]}, False),
        ({"deep": {"$or": [{"list": ["one"]}, {"none": ["x"]}]}}, True),
        ({"$or": ["field"]}, True),  # no alternatives: a field of that name
    ],
    ids=str,
)
def test_patterns(pattern: Any, wanted: Any) -> None:
    event = {
        **{"a": "x", "n": 3, "none": None, "sure": True, "deep": {"list": ["one", "two"]}},
        "of": [{"a": 1, "b": "x"}, [{"a": 2, "b": "y"}], {"in": [{"c": 3}]}],
        **{"dotted.key": {"x": 1}, "star": "a*b", "path": "c:\\dir\\x", "$or": "field"},
        **{"ip": "10.0.0.7", "ip6": "2001:db8::1"},
    }
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
        '{"a": {}}',
        '{"a": []}',
        '{"$or": [{"a": ["x"]}]}',
        '{"$or": [{"prefix": 5}, {"a": ["x"]}]}',
        '{"a": [{"wildcard": "a**b"}]}',
        '{"a": [{"wildcard": "a\\\\b"}]}',
        '{"a": [{"cidr": "10.0.0.0"}]}',
        '{"a": [{"cidr": "10.0.0.0/x"}]}',
        '{"a": [{"cidr": "example.com/8"}]}',
        '{"a": [{"numeric": [">", 5, "<", 4]}]}',
        '{"a": [{"numeric": ["<", 5, ">", 4]}]}',
        '{"a": [{"numeric": [">", 1, "<", 4, "=", 3]}]}',
        '{"a": [{"numeric": [">", true]}]}',
        '{"a": [{"numeric": [">", NaN]}]}',
        '{"a": [1e400]}',
        '{"a": [{"anything-but": {"prefix": ""}}]}',
        '{"a": [{"anything-but": [null]}]}',
        '{"a":' * 200 + '["x"]' + "}" * 200,
        "[" * 100_000,
        '{"x": {'
        + ",".join(f'"k{n}": {{"$or": [{{"a": [1]}}, {{"b": [2]}}]}}' for n in range(11))
        + "}}",
    ],
)
def test_wrong_patterns_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="InvalidEventPatternException"):
        patterns.parse(text)


def test_wildcard_is_matched_in_time_linear_in_the_text() -> None:
    pattern = patterns.parse(json.dumps({"a": [{"wildcard": "*a" * 8 + "b"}]}))
    assert not patterns.matches(pattern, {"a": "a" * 100_000})


def test_lists_of_objects_are_matched_without_combining_them() -> None:
    keys = [f"k{n}" for n in range(20)]
    pattern = patterns.parse(json.dumps({"of": {key: [1] for key in keys}}))
    objects = [{key: 1 for key in keys if key != missing} for missing in keys] * 20
    assert not patterns.matches(pattern, {"of": objects})
    assert patterns.matches(pattern, {"of": [*objects, dict.fromkeys(keys, 1)]})
