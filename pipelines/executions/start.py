"""Begin an execution from what a person gives: parameters, local folders, the approved model."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipelines import NAME, parameters
from pipelines.executions import execution
from pipelines.provisioning.item import error_code
from pipelines.serving.package_group import approved_data_url
from pipelines.settings.model import Settings
from pipelines.upload import bin_images

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
        ExecutionError: The pipeline has not been upserted, no execution may have this name, or the
            approved model is gone.
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
    if "ApprovedModel" not in values and (approved := approved_data_url(client, NAME)):
        _look_for(session, approved)
        values["ApprovedModel"] = approved
    values = bin_images.upload_local(session, settings, values, say)
    return execution.start(client, NAME, values, name)


def _look_for(session: "boto3.Session", model: str) -> None:
    """See that the approved model is there: its place is read only after all of the training."""
    url, s3 = urlsplit(model), session.client("s3")
    code = error_code(lambda: s3.head_object(Bucket=url.netloc, Key=url.path.lstrip("/")))
    if code not in (None, "403"):  # whoever starts need not be allowed to read it
        raise execution.ExecutionError(
            f"The newest approved version's model is gone: there is no {model}. Reject that "
            "version (`python pipeline.py models` lists them, `reject VERSION`), or say what the "
            "new model is compared with: -p ApprovedModel=s3://..."
        )
