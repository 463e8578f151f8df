"""What the real server takes and gives, against the JSON Schemas that clients are shown."""

import base64
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import answer
from counts import Classes
from decision import Evidence, Rule
from record import Item, Record
from tests.steps.containers.tally_inference.server_process import Endpoint, encoded
from tests.steps.tiny_model import RULE, draw_bin

jsonschema = pytest.importorskip(
    "jsonschema", reason="jsonschema is not in .venv-steps; make it again: make clean test"
)
SCHEMAS = Path(__file__).parents[4] / "steps" / "schemas"
IMAGE = base64.b64encode(encoded(draw_bin(3, 0))).decode()
HEADER = "X-Amzn-SageMaker-Custom-Attributes"


def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / name).read_text()))


REQUEST, ANSWER = validator("request.json"), validator("answer.json")


@pytest.mark.parametrize("number", range(len(REQUEST.schema["examples"])))
def test_each_example_of_a_request_is_answered_by_the_schema(
    endpoint: Endpoint, number: int
) -> None:
    """The example's image is too short to be one."""
    body = json.dumps(REQUEST.schema["examples"][number] | {"image": IMAGE})
    status, found = endpoint.invoke(body.encode(), Content_Type="application/json")
    assert status == 200
    ANSWER.validate(found)
    assert {"verdict", "expected_quantity"} <= found.keys()


ITEM = {"quantity": 1, "height": 2.5}


@pytest.mark.parametrize(
    "change",
    [
        {}, {"record": None, "expected_quantity": None}, {"expected_quantity": 3.0},
        {"record": [ITEM]}, {"record": []}, {"record": {"EXPECTED_QUANTITY": 9}},
        {"record": [{**ITEM, "weight": 0.5, "weight_unit": "kg", "sku": "\u00e4"}]},
        {"record": [ITEM], "expected_quantity": 0},
        {"image": ""}, {"image": None}, {"picture": IMAGE}, {"record": {}}, {"record": "[]"},
        {"record": [{}]}, {"record": [{**ITEM, "hight": 1}]}, {"record": [{"quantity": 1.5}]},
        {"expected_quantity": "3"}, {"expected_quantity": -1}, {"expected_quantity": 10**9},
        {"expected_quantity": True}, {"record": [{**ITEM, "unit": "yard"}]},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_the_server_takes_what_the_schema_allows_and_nothing_else(
    endpoint: Endpoint, change: dict[str, Any]
) -> None:
    document = {"image": IMAGE, **change}
    status, found = endpoint.invoke(json.dumps(document).encode(), Content_Type="application/json")
    assert status == (200 if REQUEST.is_valid(document) else 400), found
    if status == 200:
        ANSWER.validate(found)


@pytest.mark.parametrize("attributes", ["", "expected_quantity=3", "expected_quantity=99"])
def test_an_image_alone_is_answered_by_the_schema(endpoint: Endpoint, attributes: str) -> None:
    status, found = endpoint.invoke(base64.b64decode(IMAGE), **{HEADER: attributes})
    assert status == 200
    ANSWER.validate(found)


@pytest.mark.parametrize("classes", ["1-5", "0-6+"])
def test_every_answer_that_is_composed_follows_the_schema(classes: str) -> None:
    """With and without items, record, rule and a strange photo; the last count is likeliest."""
    known = Classes.parse(classes)
    shares = np.linspace(0.1, 1, len(known.counts))
    shares /= shares.sum()
    stored = RULE | {"prior": [1 / len(shares)] * len(shares), "by_items": RULE["by_quantity"]}
    settings = {"classes": known.counts, "or_more": known.or_more, "decision": stored}
    records = [None, Record(3), Record(3, (Item(3, 1.0),)), Record(0, ()), Record(99)]
    evidence = [
        Evidence(shares),
        Evidence(shares, strangeness=1e9),
        Evidence(shares, items=shares, both=shares[::-1].copy()),
    ]
    # What `inference.py` adds of the model and the photo.
    about = {key: ANSWER.schema["examples"][0][key] for key in ("model", "input")}
    verdicts = set()
    for one, record, rule in itertools.product(evidence, records, [None, Rule.read(settings)]):
        found = json.loads(json.dumps(answer.compose(one, record, known, rule)))
        ANSWER.validate(found | about)
        verdicts.add(found.get("verdict"))
    assert {None, "look", "cannot_judge"} <= verdicts
