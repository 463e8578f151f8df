"""Create the pipeline, or update it to the code and settings here."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipelines.errors import UserError
from pipelines.parameters import no_model
from pipelines.provisioning import container_images, definition_cache
from pipelines.provisioning.item import Item
from pipelines.provisioning.promoter import is_current
from pipelines.provisioning.setup import setup
from pipelines.settings.model import Settings
from pipelines.upload.code import bundles
from pipelines.upload.weights import with_uploaded_weights

if TYPE_CHECKING:
    import boto3
    from botocore.exceptions import ClientError
    from types_boto3_sagemaker.type_defs import UpdatePipelineRequestTypeDef

DESCRIPTION = "Counts the items in photographs of warehouse bins."
Action = Literal["created", "updated", "unchanged"]


class UpsertError(UserError):
    """The pipeline cannot be created or updated."""


@dataclass(frozen=True)
class UpsertResult:
    """What an upsert did.

    Attributes:
        arn: The pipeline's.
        action: What happened to the pipeline.
        uploaded: The steps whose code was uploaded.
        items: The resources that the pipeline needs; empty where setup is a command of its own.
        notes: What the person should know, although the upsert succeeded.
        seconds: How long it took.
    """

    arn: str
    action: Action
    uploaded: tuple[str, ...]
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        """One line for each change, and one for the pipeline."""
        lines = [str(item) for item in self.items if item.state != "exists"]
        lines += [f"uploaded   code of {name}" for name in self.uploaded]
        lines += [f"note       {note}" for note in self.notes]
        return "\n".join([*lines, f"{self.action:<9}  pipeline {self.arn} ({self.seconds:.1f} s)"])


def upsert(session: "boto3.Session", settings: Settings) -> UpsertResult:
    """Create or update the pipeline, with the code it runs.

    On the local target, the resources that the pipeline needs are created as well. On AWS that is a
    separate `setup`, because it needs more permissions.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        UpsertError: Something that the pipeline needs is missing.
        ContainerImageError: A container image is missing.
        WeightsError: The pretrained weights are missing.
        SetupError: A resource is missing, or locally cannot be created.
        CompileError: The definition does not compile.
    """
    started = time.perf_counter()
    settings, weights = with_uploaded_weights(settings)
    items, notes = list[Item](), list[str]()
    if settings.target == "local":
        items = setup(session, settings)
    else:
        notes = _check(session, settings)
    code = bundles()
    text = definition_cache.definition(settings, code)
    with explained(settings):
        _check_no_model(session, settings)
        uploaded = [name for name, bundle in code.items() if bundle.upload(session, settings)]
        if weights and weights.upload(session, settings):
            notes.append(f"the pretrained weights were uploaded to {weights.prefix(settings)}")
        arn, action = put(session, settings, settings.name, DESCRIPTION, text)
    seconds = time.perf_counter() - started
    return UpsertResult(arn, action, tuple(uploaded), tuple(items), tuple(notes), seconds)


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Turn what AWS refuses into an UpsertError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise UpsertError(_explain(error, settings)) from None
    except BotoCoreError as error:
        raise UpsertError(f"The target cannot be reached: {error}") from None


def differs(session: "boto3.Session", settings: Settings) -> bool:
    """Whether the code or settings here have changed since the pipeline was upserted.

    On AWS, another machine may have upserted it, so that only changes of the steps are noticed.

    Args:
        session: The target's session.
        settings: Resolved settings.
    """
    try:
        settings, _ = with_uploaded_weights(settings)
        code = bundles()
    except UserError:  # a script or the weights are missing, which an execution does not need
        return True
    pipeline = session.client("sagemaker").describe_pipeline(PipelineName=settings.name)
    current = pipeline["PipelineDefinition"]
    if settings.target == "local":
        file = definition_cache.kept_file(settings, code)
        return not file.is_file() or file.read_text() != current
    return any(bundle.prefix(settings) not in current for bundle in code.values())


def dry_run(settings: Settings) -> str:
    """The definition as indented JSON; nothing is sent to the target.

    Args:
        settings: Resolved settings.

    Raises:
        WeightsError: The pretrained weights are missing.
        CompileError: The definition does not compile.
    """
    return json.dumps(json.loads(compiled(settings)), indent=2)


def compiled(settings: Settings) -> str:
    """The definition of the code and settings here, in JSON; nothing is sent to the target.

    Args:
        settings: Resolved settings.

    Raises:
        WeightsError: The pretrained weights are missing.
        CompileError: The definition does not compile.
    """
    settings, _ = with_uploaded_weights(settings)
    return definition_cache.definition(settings, bundles())


def deployed(session: "boto3.Session", settings: Settings) -> str:
    """The definition of the pipeline as it was upserted last, in JSON; "" where there is none."""
    from botocore.exceptions import ClientError

    try:
        found = session.client("sagemaker").describe_pipeline(PipelineName=settings.name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFound":
            return ""
        raise
    return found["PipelineDefinition"]


def put(
    session: "boto3.Session", settings: Settings, name: str, description: str, text: str
) -> tuple[str, Action]:
    """Create or update one pipeline; return its ARN and what happened to it.

    Args:
        session: The target's session.
        settings: Resolved settings.
        name: The pipeline's name.
        description: The pipeline's.
        text: Its definition.
    """
    sagemaker = session.client("sagemaker")
    request: UpdatePipelineRequestTypeDef = {
        "PipelineName": name,
        "PipelineDescription": description,
        "PipelineDefinition": text,
        "RoleArn": settings.role_arn,
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": settings.running.parallelism},
    }
    pages = sagemaker.get_paginator("list_pipelines").paginate(PipelineNamePrefix=name)
    names = {pipeline["PipelineName"] for page in pages for pipeline in page["PipelineSummaries"]}
    if name not in names:
        created = sagemaker.create_pipeline(
            **request,
            ClientRequestToken=hashlib.sha256(f"{time.time_ns()}".encode()).hexdigest()[:40],
            Tags=settings.tag_list,
        )
        return created["PipelineArn"], "created"
    current = sagemaker.describe_pipeline(PipelineName=name)
    if all(current.get(member) == value for member, value in request.items()):
        return current["PipelineArn"], "unchanged"
    return sagemaker.update_pipeline(**request)["PipelineArn"], "updated"


def _check(session: "boto3.Session", settings: Settings) -> list[str]:
    """Refuse what would fail hours after the start; return what the person should know."""
    if settings.images.from_ecr and (missing := container_images.missing(session, settings)):
        lines = [f"  {image}" for image in missing.values()]
        raise UpsertError(
            "\n".join(["The steps would run in images that ECR does not have:", *lines])
            + f"\nBuild and push them: PIPELINE_TARGET={settings.target} make images"
        )
    if is_current(session, settings):
        return []
    return [
        f"{settings.function_name} has other code than model_registry/ here; to update it: "
        f"python pipeline.py --target {settings.target} setup"
    ]


def _check_no_model(session: "boto3.Session", settings: Settings) -> None:
    """Check the address that stands for no model: Evaluate reads it, but only after training."""
    address = no_model(settings)
    response = session.client("s3").list_objects_v2(
        Bucket=settings.bucket_name, Prefix=address.split("/", 3)[3], MaxKeys=1
    )
    if not response.get("Contents"):
        raise UpsertError(
            f"Nothing is at {address}, which stands for `no model is approved yet`. "
            f"Create it: python pipeline.py --target {settings.target} setup"
        )


def _explain(error: "ClientError", settings: Settings) -> str:
    """An error of AWS in words for the person who upserts."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    create = f"Create it: python pipeline.py --target {settings.target} setup"
    if code == "NoSuchBucket":
        return f"There is no bucket {settings.bucket_name}. {create}"
    if "AccessDenied" in code:
        return f"A permission is missing for {error.operation_name}: {message}"
    if code == "ValidationException" and "role" in message.lower():
        return f"SageMaker cannot use the role {settings.role_arn}: {message} {create}"
    return f"{error.operation_name} failed with {code}: {message}"
