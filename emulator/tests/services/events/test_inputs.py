"""What targets receive of an event."""

from typing import Any

import pytest

from sagemaker_emulator.services.events import inputs

RULE = {"Arn": "arn:aws:events:us-east-1:123456789012:rule/r", "Name": "r"}
EVENT = {
    "id": "1",
    "time": "2026-11-30T00:00:00Z",
    "detail-type": "T",
    "resources": ["a", "b"],
    "detail": {"text": 'say "x"', "number": 5, "a-b": {"c": [1, 2]}},
}


@pytest.mark.parametrize(
    "target, received",
    [
        ({}, EVENT),
        ({"Input": "[1]"}, [1]),
        ({"InputPath": "$.detail.number"}, 5),
        ({"InputPath": "$.resources[1]"}, "b"),
        ({"InputPath": "$.detail['a-b'].c[0]"}, 1),
        ({"InputPath": "$.resources[7]"}, None),
    ],
    ids=str,
)
def test_input_is_the_event_a_part_or_a_constant(target: Any, received: Any) -> None:
    inputs.check({"Id": "1", **target})
    assert inputs.of(RULE, target, EVENT) == received


@pytest.mark.parametrize(
    "template, received",
    [
        ('{"t": <text>, "n": <number>}', {"t": 'say "x"', "n": 5}),
        ('{"t": "<text>", "n": "<number>"}', {"t": 'say "x"', "n": 5}),
        ('{"t": "it: <text>, <number>"}', {"t": 'it: say "x", 5'}),
        ('"\\"<number>"', '"5'),
        ('{"r": "<aws.events.rule-name>"}', {"r": "r"}),
        ("<aws.events.event.json>", EVENT),
    ],
    ids=str,
)
def test_template_is_filled(template: str, received: Any) -> None:
    paths = {"text": "$.detail.text", "number": "$.detail.number"}
    target = {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}
    inputs.check({"Id": "1", **target})
    assert inputs.of(RULE, target, EVENT) == received
