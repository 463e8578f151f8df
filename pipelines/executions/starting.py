"""Begin an execution from what a person gives: parameters, local folders, the approved model."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from model_registry.versions import approved_data_url
from pipelines import parameters, upload
from pipelines.executions import execution
from pipelines.settings import NAME, Settings

if TYPE_CHECKING:
    import boto3

# SageMaker's pattern.
DISPLAY_NAME = re.compile("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}")


def start(
    session: "boto3.Session",
    settings: Settings,
    given: Iterable[str],
    name: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> str:
    """Start an execution and answer its ARN.

    Args:
        session: The target's session.
        settings: Resolved settings.
        given: `NAME=VALUE` texts. A local DataSource or FileList is uploaded; ApprovedModel is the
            newest approved version's model unless it is given.
        name: What the execution is called, besides its id.
        say: Called with a line about each thing that is uploaded.

    Raises:
        ExecutionError: The pipeline has not been upserted, or no execution may have this name.
        ParameterError: A text names no parameter, or its value is not allowed.
        UploadError: A local folder or file cannot be uploaded.
    """
    client = session.client("sagemaker")
    # First what costs nothing: a wrong parameter must not wait for an upload.
    values = parameters.parse(settings, given)
    if name is not None and not DISPLAY_NAME.fullmatch(name):
        raise execution.ExecutionError(
            f"--name: an execution cannot be called {name!r}; give up to 82 letters, digits and "
            "hyphens, of which neither the first nor the last is a hyphen."
        )
    execution.require_pipeline(client, NAME)
    values = upload.place(session, settings, values, say)
    if "ApprovedModel" not in values and (approved := approved_data_url(client, NAME)):
        values["ApprovedModel"] = approved
    return execution.start(client, NAME, values, name)
