"""Deploy: promote the new version if it is approved; else leave it for the approval event."""

from typing import Any

from sagemaker.core.lambda_helper import Lambda
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep

from pipelines.builders.context import BuildContext


def deploy_step(context: BuildContext, register: Any) -> LambdaStep:
    """The Lambda step that invokes `model_registry/`, the stage's function."""
    settings = context.settings
    function = settings.arn("lambda", f"function:{settings.function_name}")
    return LambdaStep(
        "Deploy",
        description="Promote the model version if it is approved; else leave it for approval.",
        lambda_func=Lambda(function_arn=function, session=context.session),
        inputs={
            "model_package_arn": register.properties.ModelPackageArn,
            "endpoint_name": context.parameters["EndpointName"],
            "instance_type": context.parameters["InferenceInstanceType"],
        },
        outputs=[
            LambdaOutput("statusCode", LambdaOutputTypeEnum.Integer),
            LambdaOutput("status", LambdaOutputTypeEnum.String),
        ],
    )
