"""A finished execution, written by hand, with the evaluation of tests/evaluation.json."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_registry.versions import ModelVersion
from pipelines import evaluation_report
from pipelines.executions.execution import Execution, Step
from pipelines.executions.outcome import Outcome, Verdict
from pipelines.executions.trials import Trial
from pipelines.executions.watch import Snapshot

EVALUATION = Path(__file__).parents[1] / "evaluation.json"
BEGUN = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally/execution/8x2kq0wzv1ab"
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/tally/3"


def step(name: str, kind: str, begin: float, seconds: float, **more: Any) -> Step:
    started = BEGUN + timedelta(seconds=begin)
    return Step(name, kind, "Succeeded", started, started + timedelta(seconds=seconds), **more)


@pytest.fixture
def snapshot() -> Snapshot:
    steps = (
        step("Prepare", "Processing", 0, 9.4, cached=True),
        step("Tune", "Tuning", 10, 96),
        step("Train", "Training", 107, 41),
        step("Evaluate", "Processing", 148, 12.2),
        step("CheckAccuracy", "Condition", 161, 0.1),
        step("Register", "RegisterModel", 161, 0.6, metadata={"RegisterModel": {"Arn": PACKAGE}}),
        step("Deploy", "Lambda", 162, 0.9),
        Step("AccuracyTooLow", "Fail", "Skipped"),
    )
    execution = Execution(
        arn=ARN,
        pipeline="tally",
        name="",
        status="Succeeded",
        started=BEGUN,
        modified=BEGUN + timedelta(seconds=163),
        failure="",
        parameters={"SubsetSize": "250", "DataSource": "s3://tally/tally/data/bins/", "Seed": "0"},
        steps=steps,
    )
    details = {
        "Prepare": "cache hit: took the result of an earlier execution",
        "Tune": "3 of 3 trials, best validation:accuracy 0.471",
        "Train": "validation:accuracy 0.489, validation:loss 1.210",
        "CheckAccuracy": "the condition holds",
        "Register": "model version 3",
        "Deploy": "left for approval",
    }
    return Snapshot(execution, details)


@pytest.fixture
def outcome() -> Outcome:
    trials = tuple(
        Trial(
            name=f"tally-tune-8x2k-{number:03d}",
            status="Completed",
            hyperparameters={"lr": lr, "batch-size": batch, "epochs": epochs},
            metric="validation:accuracy",
            objective=objective,
            seconds=seconds,
            best=number == 2,
            failure="",
        )
        for number, (lr, batch, epochs, objective, seconds) in enumerate(
            [
                ("0.0012", "32", "2", 0.3822, 27.0),
                ("0.0087312345", "16", "3", 0.4413, 38.1),
                ("0.0041", "16", "4", 0.4712, 44.0),
            ]
        )
    )
    rules: tuple[Verdict, ...] = (
        {
            "rule": "VanishingGradient",
            "status": "NoIssuesFound",
            "reason": "largest 0.3 at step 10",
        },
        {
            "rule": "Overfit",
            "status": "IssuesFound",
            "reason": "validation loss 22% above training",
        },
        {"rule": "LowGPUUtilization", "status": "NotApplicable", "reason": "no GPU was used"},
    )
    evaluation = evaluation_report.read(json.loads(EVALUATION.read_text()))
    version = ModelVersion(
        "tally", 3, PACKAGE, "PendingManualApproval", BEGUN, BEGUN, "s3://m/model.tar.gz", "", ""
    )
    return Outcome(evaluation, rules, (), trials, "s3://tally/e", version)
