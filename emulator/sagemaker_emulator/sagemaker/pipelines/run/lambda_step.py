"""Lambda steps: a function is invoked, and its response becomes the step's outputs."""

from typing import Any

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import to_text
from sagemaker_emulator.sagemaker.pipelines.run.records import output_parameters
from sagemaker_emulator.sagemaker.pipelines.run.step_cache import keep_result, reuse_result
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun, StoppedError


def run_lambda(run: StepRun) -> None:
    """Invoke the function with the step's arguments; it must return the declared outputs.

    Raises:
        StepError: It failed, or returned something else.
        StoppedError: The emulator shuts down.
    """
    arn = str(run.evaluate(run.step.entry["FunctionArn"]))
    payload = run.evaluate(run.step.arguments)
    inputs = {"FunctionArn": arn, "Arguments": payload}
    if reuse_result(run, inputs):
        return
    run.progress.update(StepStatus="Executing", Metadata={"Lambda": {"Arn": arn}})
    run.context.calls.add("pipeline", "lambda", "Invoke")
    try:
        outcome = run.context.functions.invoke(arn, payload)
    except ApiError as error:
        if run.closing.is_set():  # it was ended with the emulator, and runs again with the next
            raise StoppedError from error
        raise StepError(f"ClientError: Lambda function {arn}: {error}") from error
    if outcome.failed:
        raise StepError(f"ClientError: Lambda function {arn} failed: {_cause(outcome.payload)}")
    returned = outcome.payload if isinstance(outcome.payload, dict) else {}
    missing = [name for name in run.step.outputs if name not in returned]
    if missing:
        raise StepError(
            f"ClientError: Lambda function {arn} did not return {', '.join(missing)}, which the "
            f"step declares in OutputParameters. It returned {', '.join(returned) or 'nothing'}."
        )
    outputs = {name: returned[name] for name in run.step.outputs}
    run.progress.finish(
        "Succeeded",
        Metadata={"Lambda": {"Arn": arn, "OutputParameters": output_parameters(outputs)}},
        Properties={"OutputParameters": outputs},
    )
    keep_result(run, inputs)


def _cause(payload: Any) -> str:
    """Describe a failed function's error in one line."""
    if isinstance(payload, dict) and "errorMessage" in payload:
        return f"{payload.get('errorType', 'Error')}: {payload['errorMessage']}"
    return to_text(payload)
