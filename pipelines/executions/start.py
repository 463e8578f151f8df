"""Start an execution: check its parameters, upload local folders, find the approved model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from pipelines import parameters
from pipelines.executions import execution, lookup
from pipelines.provisioning.item import error_code
from pipelines.serving.package_group import approved_data_url
from pipelines.settings.model import Settings
from pipelines.upload import bin_images
from pipelines.upload.weights import require_weights

if TYPE_CHECKING:
    import boto3
    from types_boto3_sagemaker.type_defs import StartPipelineExecutionRequestTypeDef

# SageMaker's pattern.
DISPLAY_NAME = re.compile("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}")


def start(
    session: boto3.Session,
    settings: Settings,
    assignments: Iterable[str],
    name: str | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> str:
    """Start an execution and return its ARN.

    Args:
        session: The target's session.
        settings: Resolved settings.
        assignments: Parameters as `NAME=VALUE`. A local DataSource or FileList is uploaded;
            ApprovedModel is the newest approved version's model by default.
        name: The display name, in addition to the id.
        report: Called with a line about each upload.

    Raises:
        ExecutionError: The pipeline has not been upserted, the name is not allowed, or the approved
            model is gone.
        ParameterError: A parameter does not exist, or its value is not allowed.
        UploadError: A local folder or file cannot be uploaded.
        WeightsError: The trials would find no weights to start from.
    """
    client = session.client("sagemaker")
    # Checked first, because a wrong parameter must not wait for an upload.
    values = parameters.parse(settings, assignments)
    if name is not None and not DISPLAY_NAME.fullmatch(name):
        raise execution.ExecutionError(
            f"--name: {name!r} is not allowed; use up to 82 letters, digits and hyphens, and no "
            "hyphen at the beginning or end."
        )
    lookup.require_pipeline(client, settings.name)
    require_weights(session, settings, str(values.get("Backbone", settings.training.backbone)))
    if "ApprovedModel" not in values and (approved := approved_data_url(client, settings.name)):
        _require_model(session, approved)
        values["ApprovedModel"] = approved
    values = bin_images.upload_local(session, settings, values, report)
    request: StartPipelineExecutionRequestTypeDef = {
        "PipelineName": settings.name,
        "ClientRequestToken": str(uuid4()),
        "PipelineParameters": [{"Name": key, "Value": str(value)} for key, value in values.items()],
    }
    if name:
        request["PipelineExecutionDisplayName"] = name
    return client.start_pipeline_execution(**request)["PipelineExecutionArn"]


def _require_model(session: boto3.Session, model: str) -> None:
    """Check that the approved model exists before training; Evaluate reads it only afterwards."""
    url, s3 = urlsplit(model), session.client("s3")
    code = error_code(lambda: s3.head_object(Bucket=url.netloc, Key=url.path.lstrip("/")))
    if code not in (None, "403"):  # who starts an execution need not be allowed to read it
        raise execution.ExecutionError(
            f"The newest approved version's model is gone: there is no {model}. Reject that "
            "version (`python pipeline.py models` lists them, `reject VERSION`), or choose the "
            "model to compare with: -p ApprovedModel=s3://..."
        )
