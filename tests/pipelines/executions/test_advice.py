from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines import evaluation_report
from pipelines.executions.advice import advise
from pipelines.executions.execution import Execution, Step
from pipelines.executions.outcome import Outcome
from pipelines.executions.trials import Trial


def failed(failure: str, name: str = "Train", kind: str = "Training") -> Execution:
    step = Step(name, kind, "Failed", failure=failure)
    now = datetime.now(UTC)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally/execution/abc"
    return Execution(arn, "tally", "abc", "Failed", now, now, "", {}, (step,))


def test_a_failure_of_the_service_is_retried_unchanged() -> None:
    advice = advise(failed("InternalServerError: We encountered an internal error."), Outcome())
    assert [command for command, _ in advice.commands] == [
        "logs Train abc",
        "retry abc",
        "upsert start",
    ]


@pytest.mark.parametrize(("code", "said"), [(137, True), (1, False)])
def test_a_killed_job_is_explained(code: int, said: bool) -> None:
    failure = f"AlgorithmError: See job logs for more information, exit code: {code}"
    advice = advise(failed(failure), Outcome())
    assert ("memory ran out" in advice.sentence) == said
    assert [command for command, _ in advice.commands] == [
        "logs Train abc",
        "start -p NAME=VALUE",
        "retry abc",
        "upsert start",
    ]


def test_a_killed_trial_is_explained_if_the_step_does_not_say_how_it_ended() -> None:
    cut = "ClientError: No training job succeeded. The last that failed: AlgorithmError: epoch=1 lo"
    trial = Trial(
        "a", "Failed", {}, "", None, 9.0, False, "AlgorithmError: epoch=1, exit code: 137"
    )
    assert (
        "memory ran out" in advise(failed(cut, "Tune", "Tuning"), Outcome(trials=(trial,))).sentence
    )
    assert "memory ran out" not in advise(failed(cut), Outcome(trials=(trial,))).sentence


def test_a_model_that_is_not_good_enough_is_told_what_it_lacks() -> None:
    execution = replace(failed("", "AccuracyTooLow", "Fail"), parameters={"MinFoundShare": "0.9"})
    tally = {"decision": {"compared_found_share": {"value": 0.5}}}
    advice = advise(execution, Outcome(evaluation_report.read({"tally": tally})))
    assert advice.sentence.startswith(
        "The model is not good enough: the share of the wrong records that it finds is 0.500, "
        "below MinFoundShare 0.900. No model version was registered"
    )


@pytest.mark.parametrize(
    ("status", "step", "sentence", "commands"),
    [
        ("Failed", "Succeeded", "has changed", ["logs Watch abc", "watch", "list"]),
        ("Succeeded", "Succeeded", "Nothing is raised.", ["logs Watch abc", "list --watch"]),
        ("Failed", "Failed", "was not watched", ["logs Watch abc", "retry abc", "watch"]),
    ],
)
def test_a_run_of_the_pipeline_that_watches_speaks_of_no_model(
    status: str, step: str, sentence: str, commands: list[str]
) -> None:
    watched = replace(failed(""), status=status, steps=(Step("Watch", "Processing", step),))
    advice = advise(watched, Outcome())
    assert sentence in advice.sentence and "model version" not in advice.sentence
    assert [command for command, _ in advice.commands] == commands
