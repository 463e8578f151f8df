"""The drawing of a definition.

After a change of the steps, renew the README's picture:
    RENEW=1 .venv/bin/python -m pytest tests/pipelines/display/test_graph.py
"""

import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from pipelines.display.graph import graph, waits

DEFINITION = Path(__file__).parents[1] / "definition.json"
PICTURE = Path(__file__).parents[3] / "docs/images/pipeline.svg"


@pytest.fixture
def definition() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DEFINITION.read_text())
    return content


def test_a_step_waits_for_what_it_refers_to_and_for_its_condition(
    definition: dict[str, Any],
) -> None:
    assert waits(definition) == {
        "Prepare": set(),
        "Tune": {"Prepare"},
        "Train": {"Tune"},
        "Evaluate": {"Train"},
        "CheckAccuracy": {"Evaluate"},
        "Register": {"CheckAccuracy"},
        "Deploy": {"Register"},
        "AccuracyTooLow": {"CheckAccuracy"},
    }


def test_what_is_only_ordered_waits_too() -> None:
    steps = [{"Name": "a", "Type": "Fail"}, {"Name": "b<", "Type": "Fail", "DependsOn": ["a"]}]
    assert waits({"Steps": steps}) == {"a": set(), "b<": {"a"}}
    assert "b&lt;" in graph({"Steps": steps})


def test_it_is_drawn_from_left_to_right(definition: dict[str, Any]) -> None:
    drawing = ElementTree.fromstring(graph(definition))
    svg = "{http://www.w3.org/2000/svg}"
    boxes: dict[str, tuple[int, int]] = {}
    for group in drawing.iter(f"{svg}g"):
        name, box = group.findtext(f"{svg}text"), group.find(f"{svg}rect")
        assert name and box is not None
        boxes[name] = (int(box.attrib["x"]), int(box.attrib["y"]))
    order = ["Prepare", "Tune", "Train", "Evaluate", "CheckAccuracy", "Register", "Deploy"]
    assert [boxes[name][0] for name in order] == sorted(boxes[name][0] for name in order)
    assert len(set(boxes.values())) == len(boxes) == 8
    assert boxes["AccuracyTooLow"][0] == boxes["Register"][0]
    assert [word.text for word in drawing.findall(f"{svg}text")] == ["if", "else"]
    assert len(drawing.findall(f"{svg}path")) == 7


def test_the_readme_shows_the_pipeline_as_it_is(definition: dict[str, Any]) -> None:
    drawing = graph(definition) + "\n"
    if os.environ.get("RENEW"):
        PICTURE.write_text(drawing)
    assert PICTURE.read_text() == drawing, __doc__
