"""Begin an execution from what a person gives: parameters, local folders, the approved model."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from model_registry.versions import approved_data_url
from pipelines import parameters, upload
from pipelines.executions import execution
from pipelines.settings import NAME, Settings

if TYPE_CHECKING:
    import boto3


def start(session: "boto3.Session", settings: Settings, given: Iterable[str]) -> str:
    """Start an execution and answer its ARN.

    Args:
        session: The target's session.
        settings: Resolved settings.
        given: `NAME=VALUE` texts. A local DataSource or FileList is uploaded; ApprovedModel is the
            newest approved version's model unless it is given.

    Raises:
        ExecutionError: The pipeline has not been upserted.
        ParameterError: A text names no parameter, or its value is not allowed.
        UploadError: A local folder or file cannot be uploaded.
    """
    client = session.client("sagemaker")
    # First what costs nothing: a wrong parameter must not wait for an upload.
    values = parameters.parse(settings, given)
    execution.require_pipeline(client, NAME)
    values = upload.place(session, settings, values)
    if "ApprovedModel" not in values and (approved := approved_data_url(client, NAME)):
        values["ApprovedModel"] = approved
    return execution.start(client, NAME, values)
