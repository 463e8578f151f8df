"""Watch: compare what the endpoint answered with the test. CheckChange and Changed: the result."""

from typing import Any

from sagemaker.core.workflow.conditions import ConditionGreaterThan
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.steps import ProcessingStep

from pipelines import watch_result
from pipelines.builders.context import BuildContext, processing_input

RESULT = PropertyFile(name="WatchResult", output_name="watch", path=watch_result.FILE)


def watch_step(context: BuildContext) -> ProcessingStep:
    """The Processing step that runs `steps/watch.py` in the training image.

    It is never cached: the same arguments mean another week.
    """
    settings, parameter = context.settings, context.parameters
    processor = context.processor(
        "Watch", "watch.py", settings.images.training, instance="ProcessingInstanceType"
    )
    arguments = {
        "--endpoint": parameter["EndpointName"],
        "--days": parameter["WindowDays"].to_string(),
        "--false-alarms": parameter["FalseAlarms"].to_string(),
    }
    if settings.watch.retrain:
        arguments["--retrain"] = settings.name
    addresses = {
        "capture": settings.capture_address,
        "baselines": settings.baselines_address,
        "audits": settings.audits_address,
    }
    return ProcessingStep(
        "Watch",
        description="Compare what the endpoint answered with the test of its model.",
        step_args=processor.run(
            inputs=[
                context.code_input("watch"),
                *(processing_input(name, address) for name, address in addresses.items()),
            ],
            outputs=[context.processing_output("Watch", "watch")],
            arguments=[text for pair in arguments.items() for text in pair],
        ),
        property_files=[RESULT],
        retry_policies=context.job_retries,
    )


def check_change_step(watch: Any) -> ConditionStep:
    """The Condition step: a change ends the execution as Failed, which events and people see."""
    changed = FailStep(
        "Changed",
        description="End the execution: photos or answers have changed.",
        error_message=Join(on="", values=[_read(watch, watch_result.SENTENCE)]),
    )
    return ConditionStep(
        "CheckChange",
        description="Has anything changed since the test of the model that serves?",
        conditions=[ConditionGreaterThan(left=_read(watch, watch_result.CHANGES), right=0)],
        if_steps=[changed],
        else_steps=[],
    )


def _read(watch: Any, path: str) -> JsonGet:
    return JsonGet(step_name=watch.name, property_file=RESULT, json_path=path)
