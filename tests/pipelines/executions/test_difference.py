"""What an upsert would change, in words: the golden definition beside one with known changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.display import differences
from pipelines.executions.difference import Difference, compare

GOLDEN = (Path(__file__).parents[1] / "definition.json").read_text()
CACHED = ("Prepare", "Tune", "Train", "Evaluate")


def changed(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Difference:
    """Compare with the golden definition after a change of (the definition, its steps by name)."""
    document = json.loads(GOLDEN)
    change(document, {step["Name"]: step for step in document["Steps"]})
    return compare(GOLDEN, json.dumps(document))


def lines(difference: Difference) -> dict[str, list[str]]:
    return {part: [str(one) for one in found] for part, found in difference.changes.items()}


def test_the_same_definition_changes_nothing() -> None:
    same = compare(GOLDEN, json.dumps(json.loads(GOLDEN), sort_keys=True))
    assert not same.changes and not same.again
    assert same.cached == CACHED
    assert differences.render(same).startswith("Nothing would change")


def test_without_a_pipeline_its_steps_are_named_once() -> None:
    first = compare("", GOLDEN)
    assert set(first.again) == set(CACHED)
    shown = differences.render(first)
    assert shown.startswith("There is no pipeline yet.") and first.as_dict()["creates"]
    for name in ("Prepare", "Deploy", "AccuracyTooLow"):
        assert shown.count(name) == 1


def test_a_hyperparameter_runs_its_step_and_those_after_it_again() -> None:
    def wider(_: Any, steps: dict[str, Any]) -> None:
        steps["Train"]["Arguments"]["HyperParameters"]["label-width"] = "0.9"

    difference = changed(wider)
    assert lines(difference) == {"Train": ["hyperparameter label-width: 0.6 -> 0.9"]}
    assert difference.again == {
        "Train": "hyperparameter label-width changed",
        "Evaluate": "it takes a result of Train",
    }
    assert difference.cached == ("Prepare", "Tune")


def test_what_the_cache_does_not_look_at_runs_nothing_again() -> None:
    def shorter(_: Any, steps: dict[str, Any]) -> None:
        steps["Train"]["Arguments"]["StoppingCondition"]["MaxRuntimeInSeconds"] = 60

    difference = changed(shorter)
    assert [change.split(":")[0] for change in lines(difference)["Train"]] == [
        "time limit in seconds"
    ]
    assert not difference.again


def test_another_default_runs_the_steps_again_that_use_the_parameter() -> None:
    def fewer(document: dict[str, Any], _: Any) -> None:
        for parameter in document["Parameters"]:
            if parameter["Name"] == "MatchPrecision":
                parameter["DefaultValue"] = 0.5

    difference = changed(fewer)
    (line,) = lines(difference)["parameters"]
    assert line.startswith("MatchPrecision: ") and line.endswith("-> 0.5")
    assert "the default of MatchPrecision changed" in difference.again["Evaluate"]
    assert "Prepare" in difference.cached


def test_code_and_images_are_named_by_what_they_are() -> None:
    def definition(version: str) -> str:
        """With a version of Prepare's code and image that has the form of a real one."""
        document = json.loads(GOLDEN)
        arguments = document["Steps"][0]["Arguments"]
        arguments["AppSpecification"]["ImageUri"] = f"host/tally-processing:{version}"
        (code,) = [one for one in arguments["ProcessingInputs"] if one["InputName"] == "code"]
        code["S3Input"]["S3Uri"] = f"s3://bucket/tally/code/prepare/{version}/"
        return json.dumps(document)

    difference = compare(definition("1a2b3c4d5e6f7890"), definition("0f0e0d0c0b0a0908"))
    assert sorted(lines(difference)["Prepare"]) == [
        "code of prepare: 1a2b3c4d -> 0f0e0d0c",
        "image: tally-processing:1a2b3c4d5e6f7890 -> tally-processing:0f0e0d0c0b0a0908",
    ]
    assert list(difference.again) == list(CACHED)


def test_a_removed_step_is_named_and_a_changed_argument_by_its_option() -> None:
    def drop(document: dict[str, Any], steps: dict[str, Any]) -> None:
        arguments = steps["Evaluate"]["Arguments"]["AppSpecification"]["ContainerArguments"]
        arguments[arguments.index("--batch-size") + 1] = "7"
        branches = steps["CheckAccuracy"]["Arguments"]
        branches["IfSteps"] = [one for one in branches["IfSteps"] if one["Name"] != "Deploy"]

    difference = changed(drop)
    assert lines(difference)["Evaluate"] == ["argument --batch-size: 100 -> 7"]
    assert difference.again["Evaluate"] == "argument --batch-size changed"
    assert "Deploy is removed" in differences.render(difference)


@pytest.mark.parametrize("place", ["beginning", "end"])
def test_a_long_value_is_cut_around_what_differs(place: str) -> None:
    long = "x" * 400

    def describe(_: Any, steps: dict[str, Any]) -> None:
        steps["Prepare"]["Description"] = f"A{long}" if place == "beginning" else f"{long}A"

    document = json.loads(GOLDEN)
    document["Steps"][0]["Description"] = f"B{long}" if place == "beginning" else f"{long}B"
    other = json.loads(GOLDEN)
    describe(None, {step["Name"]: step for step in other["Steps"]})
    (change,) = compare(json.dumps(document), json.dumps(other)).changes["Prepare"]
    assert "B" in change.before and "A" in change.after and len(str(change)) < 200
