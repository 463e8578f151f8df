"""CheckAccuracy: is the model good enough to register? AccuracyTooLow: the message if it is not."""

from collections.abc import Sequence
from typing import Any

from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep

from pipelines import evaluation_report
from pipelines.builders.context import BuildContext
from pipelines.builders.evaluate import read


def check_accuracy_step(
    context: BuildContext, evaluate: Any, if_good: Sequence[Any], otherwise: Sequence[Any]
) -> ConditionStep:
    """The Condition step: all conditions must hold for `if_good` to run."""
    return ConditionStep(
        "CheckAccuracy",
        description="Accuracy and the wrong records found reach their thresholds, and the accuracy "
        "is not below the approved model's.",
        conditions=[
            ConditionGreaterThanOrEqualTo(
                left=read(evaluate, evaluation_report.ACCURACY),
                right=context.parameters["AccuracyThreshold"],
            ),
            ConditionGreaterThanOrEqualTo(
                left=read(evaluate, evaluation_report.COMPARED_ACCURACY),
                right=read(evaluate, evaluation_report.REQUIRED_ACCURACY),
            ),
            ConditionGreaterThanOrEqualTo(
                left=read(evaluate, evaluation_report.FOUND_SHARE),
                right=context.parameters["MinFoundShare"],
            ),
        ],
        if_steps=list(if_good),
        else_steps=list(otherwise),
    )


def accuracy_too_low_step(context: BuildContext, evaluate: Any) -> FailStep:
    """The Fail step: its message has what the model reached beside what each condition asks."""
    return FailStep(
        "AccuracyTooLow",
        description="End the execution: the model is not good enough.",
        error_message=Join(
            on="",
            values=[
                "The model was not registered; not all of these hold. "
                "Its accuracy on the test images is ",
                read(evaluate, evaluation_report.ACCURACY_IN_WORDS),
                " and must reach AccuracyThreshold = ",
                context.parameters["AccuracyThreshold"],
                ". The share of the wrong stock records that its decision finds is ",
                read(evaluate, evaluation_report.FOUND_IN_WORDS),
                " and must reach MinFoundShare = ",
                context.parameters["MinFoundShare"],
                ". ",
                read(evaluate, evaluation_report.REQUIREMENT_IN_WORDS),
                " Execution: ",
                ExecutionVariables.PIPELINE_EXECUTION_ARN,
            ],
        ),
    )
