"""Condition and Fail steps, which only evaluate expressions."""

from sagemaker_emulator.sagemaker.pipelines.language.conditions import is_true
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import to_text
from sagemaker_emulator.sagemaker.pipelines.run.records import shorten
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun


def run_condition(run: StepRun) -> None:
    """Evaluate the conditions; the outcome is true if all of them are."""
    entries = run.evaluate(run.step.arguments["Conditions"])
    outcome = all(is_true(condition) for condition in entries)
    run.progress.finish(
        "Succeeded",
        Metadata={"Condition": {"Outcome": str(outcome)}},
        Properties={"Outcome": outcome},
    )


def run_fail(run: StepRun) -> None:
    """Fail with the step's message, which ends the execution."""
    message = to_text(run.evaluate(run.step.arguments.get("ErrorMessage", "")))
    run.progress.update(Metadata={"Fail": {"ErrorMessage": shorten(message)}})
    raise StepError(message)
