"""The JSON Schemas of request and answer: valid, shown to clients, and true of the parser.

What the real server takes and gives is checked in tests/steps and tests/end_to_end.
"""

import base64
import json
from typing import Any

import jsonschema
import pytest

from pipelines.builders.interface import (
    ANSWER,
    DESCRIPTION,
    LONGEST_DESCRIPTION,
    LONGEST_DETAIL,
    REQUEST,
    details,
)
from pipelines.steps import document, record
from tests.pipelines.test_definition import GOLDEN


def validator(file: Any) -> jsonschema.Draft202012Validator:
    schema = json.loads(file.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("file", [REQUEST, ANSWER], ids=["request", "answer"])
def test_the_examples_follow_their_schema(file: Any) -> None:
    checked = validator(file)
    for example in checked.schema["examples"]:
        checked.validate(example)


def test_the_examples_of_records_are_read() -> None:
    for example in validator(REQUEST).schema["examples"]:
        assert base64.b64decode(example["image"], validate=True)
        if "record" in example:
            assert record.parse(example["record"]).items


def test_schema_and_parser_name_the_same_keys_units_and_limits() -> None:
    defined = validator(REQUEST).schema["$defs"]
    item = defined["item"]["properties"]
    assert set(item) == set(record.KEYS)
    assert item["unit"]["enum"] == [*record.INCHES, None]
    assert item["weight_unit"]["enum"] == [*record.POUNDS, None]
    assert item["quantity"]["maximum"] == record.LARGEST_QUANTITY
    assert defined["items"]["maxItems"] == record.MOST_ITEMS
    assert defined["abid"]["properties"]["BIN_FCSKU_DATA"]["maxProperties"] == record.MOST_ITEMS


ITEM = {"quantity": 1}
RECORDS: list[Any] = [
    [], [ITEM], [{"quantity": 2.0, "unit": "cm", "length": 3, "weight": None}],
    [{**ITEM, "sku": 7}],
    {"EXPECTED_QUANTITY": 3}, {"BIN_FCSKU_DATA": {}}, {"BIN_FCSKU_DATA": {"a": {"length": 3}}},
    {"BIN_FCSKU_DATA": None, "EXPECTED_QUANTITY": 0, "more": 1},
    {"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": None},
    {}, 3, "text", True, [3], [[]], [{}], [{"quantity": 0}], [{"quantity": -1}],
    [{"quantity": 1.5}],
    [{"quantity": True}], [{**ITEM, "hight": 3}], [{**ITEM, "height": "3"}],
    [{**ITEM, "unit": "ft"}],
    [{**ITEM, "weight": False}], [{**ITEM, "weight_unit": 3}], [ITEM] * 1001,
    {"EXPECTED_QUANTITY": "3"}, {"EXPECTED_QUANTITY": -1}, {"EXPECTED_QUANTITY": None},
    {"BIN_FCSKU_DATA": []}, {"BIN_FCSKU_DATA": {"a": 3}}, {"BIN_FCSKU_DATA": None},
    {"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": 2.5},
]  # fmt: skip


@pytest.mark.parametrize("listed", RECORDS, ids=lambda value: json.dumps(value)[:50])
def test_the_schema_allows_exactly_the_records_that_are_read(listed: Any) -> None:
    """As a client sends them: through JSON."""
    try:
        record.parse(document.read(json.dumps(listed).encode(), "the record"))
        read = True
    except record.RecordError:
        read = False
    assert validator(REQUEST).is_valid({"image": "aGk=", "record": listed}) is read


SURE = {
    "count": 3, "or_more": False, "confidence": 0.6, "probabilities": {"3": 0.6, "4+": 0.4},
    "expected_count": 3.4, "looks_like_a_bin": True, "model": "3f9a1c0b77d2",
    "input": {
        "brightness": 0.44, "contrast": 0.2, "sharpness": 0.03, "width": 640, "height": 480,
        "bytes": 51234, "strangeness": 1.8,
    },
}  # fmt: skip
PASS = {
    "expected_quantity": 3, "verdict": "pass", "match_probability": 0.97, "reason": "they agree"
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": "3"},
        {"confidence": 1.5},
        {"probabilities": {"3 or more": 1.0, "2": 0}},
        {"match": True},
        {"model": "spring"},
        {"input": {}},
        {"looks_like_a_bin": False},
        PASS | {"verdict": "yes"},
        PASS | {"verdict": "cannot_judge"},
        PASS | {"match_probability": None},
        PASS | {"looks_like_a_bin": False},
        {"expected_quantity": 3},
        {"verdict": "look"},
    ],
    ids=json.dumps,
)
def test_an_answer_that_contradicts_itself_does_not_follow_the_schema(wrong: Any) -> None:
    checked = validator(ANSWER)
    assert checked.is_valid(SURE) and checked.is_valid(SURE | PASS)
    assert checked.is_valid(SURE | PASS | {"verdict": "look", "match_probability": None})
    assert not checked.is_valid(SURE | wrong)


def test_both_are_shown_in_the_model_package_and_its_card_within_their_limits() -> None:
    shown = details()
    for name, file in (("request", REQUEST), ("answer", ANSWER)):
        schema = json.loads(file.read_text())
        assert json.loads(shown[f"{name} example"]) == schema["examples"][0]
        assert {f"{name}.{key}" for key in schema["properties"]} <= set(shown)
    assert "request.record.weight_unit" in shown and "answer.photo_alone.count" in shown
    assert max(map(len, shown.values())) <= LONGEST_DETAIL
    assert len(DESCRIPTION) <= LONGEST_DESCRIPTION
    package = GOLDEN.read_text()
    assert json.dumps(DESCRIPTION) in package
    card = json.dumps(json.dumps(shown, sort_keys=True))[1:-1]
    assert card in package
