"""Register: a new version in the model registry, with all that an approver needs to know."""

import json
from typing import Any

from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.shapes import ModelPackageModelCard
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.serve.model_builder import ModelBuilder

from pipelines import NAME
from pipelines.builders import interface
from pipelines.builders.context import BuildContext
from pipelines.builders.evaluate import evaluation_address, read
from pipelines.evaluation_report import ACCURACY, APPROVED_ACCURACY

# The model archive has its own code, so that the endpoint runs the code that was evaluated.
ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
CONTENT_TYPES = ["image/jpeg", "image/png", "multipart/form-data", "application/json"]
RESPONSE_TYPES = ["application/json"]
MODEL_CARD: dict[str, Any] = {
    "model_overview": {"model_creator": NAME},
    "intended_uses": {
        "purpose_of_model": "Counts the items in a photograph of one warehouse bin, and says "
        "whether its stock record is right.",
        "intended_uses": "To report bins whose content does not match the stock record, before a "
        "consignment leaves. A person checks the reported bins.",
        "factors_affecting_model_efficiency": "Items that hide each other, plastic bands and "
        "reflections, and labels: EXPECTED_QUANTITY does not always match the photograph.",
        "risk_rating": "Low",
        "explanations_for_risk_rating": "A wrong count costs a person one look at a bin.",
    },
    "additional_information": {
        "caveats_and_recommendations": "It tells apart only the counts that it was trained on; "
        "what it cannot judge is a verdict of its own (cannot_judge), never a mismatch. "
        "Evaluate photographs from another camera or another kind of bin first.",
    },
}


def register_step(context: BuildContext, train: Any, evaluate: Any) -> ModelStep:
    """The RegisterModel step: a model package in the stage's group."""
    parameter = context.parameters
    builder = ModelBuilder(
        s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
        image_uri=context.settings.images.inference,
        role_arn=context.settings.role_arn,
        sagemaker_session=context.session,
        env_vars=ENVIRONMENT,
    )
    statistics = MetricsSource(content_type="application/json", s3_uri=evaluation_address(evaluate))
    return ModelStep(
        "Register",
        description="A new model version, with its metrics and model card.",
        step_args=builder.register(
            model_package_group_name=context.settings.name,
            description=interface.DESCRIPTION,
            content_types=CONTENT_TYPES,
            response_types=RESPONSE_TYPES,
            inference_instances=[parameter["InferenceInstanceType"]],
            transform_instances=[parameter["InferenceInstanceType"]],
            approval_status=parameter["ModelApprovalStatus"],
            model_metrics=ModelMetrics(model_statistics=statistics),
            model_card=ModelPackageModelCard(
                model_card_content=json.dumps(model_card(), sort_keys=True),
                model_card_status="Draft",
            ),
            domain="COMPUTER_VISION",
            task="IMAGE_CLASSIFICATION",
            customer_metadata_properties=metadata(context, evaluate),
        ),
        retry_policies=context.request_retries,
    )


def model_card() -> dict[str, Any]:
    """The content of the version's model card."""
    additional = {**MODEL_CARD["additional_information"], "custom_details": interface.details()}
    return {**MODEL_CARD, "additional_information": additional}


def metadata(context: BuildContext, evaluate: Any) -> dict[str, Any]:
    """Metadata of the version: what it counts, its origin and accuracy, and its endpoint.

    A later approval has only the version, so endpoint and instance type are stored with it, and
    what is compared with the version that serves then.
    """
    parameter = context.parameters
    return {
        "execution": ExecutionVariables.PIPELINE_EXECUTION_ARN,
        "accuracy": Join(on="", values=[read(evaluate, ACCURACY)]),
        "approved_accuracy": Join(on="", values=[read(evaluate, APPROVED_ACCURACY)]),
        "accuracy_threshold": parameter["AccuracyThreshold"].to_string(),
        "backbone": parameter["Backbone"],
        "classes": parameter["Classes"],
        "data_source": parameter["DataSource"],
        "data_version": parameter["DataVersion"],
        "endpoint_name": parameter["EndpointName"],
        "instance_type": parameter["InferenceInstanceType"],
    }
