"""Two executions side by side."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.executions.comparison import Run, Section, sections, settings_of
from pipelines.executions.outcome import Outcome
from pipelines.executions.watch import Snapshot

MANIFEST = {
    "classes": "1-3",
    "counts": {"train": {"1": 60, "2": 60, "3": 60}, "test": {"1": 9, "2": 8, "3": 8}},
    "quarantined": [{"id": "7"}],
}


@pytest.fixture
def runs(snapshot: Snapshot, outcome: Outcome) -> list[Run]:
    """A finished execution, and one of other data and parameters whose training failed."""
    finished = Run(snapshot.execution, outcome, {"Train loss": "coral"}, MANIFEST)
    steps = (*snapshot.execution.steps[:2], replace(snapshot.execution.steps[2], status="Failed"))
    parameters = {"SubsetSize": "99", "DataSource": "s3://aft-vbi-pds", "Seed": "0"}
    failed = replace(
        snapshot.execution,
        arn=f"{snapshot.execution.arn}2",
        status="Failed",
        parameters=parameters,
        steps=steps,
    )
    trials = Outcome(trials=outcome.trials[:1])
    return [finished, Run(failed, trials, {"Train loss": "corn", "Train schedule": "cosine"})]


def shown(section: Section) -> dict[str, tuple[tuple[str, ...], bool]]:
    return {row.label: (row.values, row.differs) for row in section.compared.rows}


def test_what_each_was_given_and_found_out_stands_side_by_side(runs: list[Run]) -> None:
    by_title = {section.title: shown(section) for section in sections(runs)}
    assert by_title["execution"]["status"] == (("Succeeded", "Failed"), True)
    assert by_title["execution"]["model version"] == (("3, PendingManualApproval", ""), True)
    assert by_title["parameters"]["SubsetSize"] == (("250", "99"), True)
    assert by_title["parameters"]["Seed"] == (("0", "0"), False)
    assert by_title["settings"]["Train loss"] == (("coral", "corn"), True)
    assert by_title["settings"]["Train schedule"] == (("", "cosine"), True)
    assert by_title["data"]["source"] == (("bins", "aft-vbi-pds"), True)
    assert by_title["data"]["train images"] == (("180 (1: 60, 2: 60, 3: 60)", ""), True)
    assert by_title["data"]["quarantined"][0] == ("1", "")
    assert by_title["best trial"]["batch-size"] == (("16", ""), True)
    assert by_title["best trial"]["validation accuracy"] == (("0.471", ""), True)
    assert by_title["seconds"]["Train"] == (("41.0", "41.0"), False)
    assert by_title["seconds"]["Prepare"][0][0] == "9.4 (from the cache)"


def test_every_metric_is_compared_with_its_interval(runs: list[Run]) -> None:
    (tested,) = [one for one in sections([runs[0], runs[0]]) if one.title == "test images"]
    document: Any = runs[0].outcome.evaluation
    rows = shown(tested)
    assert set(rows) >= {metric.label for metric in document.metrics}
    assert rows["accuracy"] == (("48.0 % (30.0 to 66.0)",) * 2, False)
    assert rows["decision"][0][0] == document.decision


def test_plain_values_hold_the_numbers(runs: list[Run]) -> None:
    values = json.loads(json.dumps([run.as_dict() for run in runs], default=str))
    assert values[0]["metrics"]["rmse"] == 1.02
    assert values[0]["best_trial"]["hyperparameters"]["lr"] == "0.0041"
    assert values[1]["metrics"] == {} and values[1]["model_version"] is None
    assert values[1]["parameters"]["SubsetSize"] == "99"


def test_the_settings_are_the_constants_of_a_definition() -> None:
    golden = Path(__file__).parents[1] / "definition.json"
    settings = settings_of(golden.read_text())
    assert settings["Train loss"] == "soft-ordinal"
    assert settings["Evaluate batch-size"] == "100"
    assert settings["Train image"].startswith("tally-training:")
    assert "Train backbone" not in settings  # a parameter
    code = settings_of(
        json.dumps({"Steps": [], "x": "s3://b/tally/code/train/0123456789abcdef/s.tar.gz"})
    )
    assert code == {"code of train": "0123456789ab"}
