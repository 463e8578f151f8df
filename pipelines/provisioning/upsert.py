"""Create the pipeline, or bring it up to date; compile its definition only when something changed.

A compiled definition is kept under `.tally/definitions/`, named after everything that it is made
from. So an unchanged upsert never imports the SageMaker SDK.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipelines import NAME
from pipelines.errors import UserError
from pipelines.parameters import no_model
from pipelines.provisioning import container_images
from pipelines.provisioning.item import Item
from pipelines.provisioning.promoter import FUNCTION, holds_current_code
from pipelines.provisioning.setup import setup
from pipelines.root import ROOT, environment
from pipelines.settings.model import Settings
from pipelines.upload.code import Bundle, bundles
from pipelines.upload.weights import placed

if TYPE_CHECKING:
    import boto3

DEFINITIONS = ROOT / ".tally" / "definitions"
KEPT = 20


class UpsertError(UserError):
    """The pipeline cannot be created or updated."""


@dataclass(frozen=True)
class UpsertResult:
    """What an upsert did.

    Attributes:
        arn: Of the pipeline.
        action: What became of the pipeline.
        compiled: The definition was compiled, not taken from `.tally/definitions/`.
        uploaded: The steps whose code was uploaded.
        items: What was made or found around the pipeline; empty where setup is done by hand.
        notes: What the person should know, although the pipeline could be upserted.
        seconds: How long it all took.
    """

    arn: str
    action: Literal["created", "updated", "unchanged"]
    compiled: bool
    uploaded: tuple[str, ...]
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        """What a person wants to know: what was made, and what became of the pipeline."""
        lines = [str(item) for item in self.items if item.state != "found"]
        lines += [f"uploaded   code of {name}" for name in self.uploaded]
        lines += [f"note       {note}" for note in self.notes]
        return "\n".join([*lines, f"{self.action:<9}  pipeline {self.arn} ({self.seconds:.1f} s)"])


def upsert(session: "boto3.Session", settings: Settings) -> UpsertResult:
    """Create or update the pipeline, with the code it runs.

    On the local target everything around the pipeline is made as well; on AWS that is an explicit
    `setup`, because it needs more permissions.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        ParameterError: The settings make a value that is not allowed a parameter's default.
        UpsertError: Something the pipeline needs is missing.
        ImagesError: So is an image.
        WeightsError: So are the pretrained weights.
        SetupError: What is around the pipeline is missing, or locally cannot be made.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    began = time.perf_counter()
    settings, weights = placed(settings)
    if settings.target == "local":
        items, notes = setup(session, settings), []
    else:
        items, notes = [], _check(session, settings)
    code = bundles()
    text, compiled = compiled_definition(settings, code)
    try:
        _check_no_model(session, settings)
        uploaded = [name for name, bundle in code.items() if bundle.upload(session, settings)]
        if weights and weights.upload(session, settings):
            notes = [*notes, f"the pretrained weights are in {weights.prefix(settings)} now"]
        arn, action = _put(session, settings, text)
    except ClientError as error:
        raise UpsertError(_explain(error, settings)) from None
    except BotoCoreError as error:
        raise UpsertError(f"The target cannot be reached: {error}") from None
    return UpsertResult(
        arn,
        action,
        compiled,
        tuple(uploaded),
        tuple(items),
        tuple(notes),
        time.perf_counter() - began,
    )


def differs(session: "boto3.Session", settings: Settings) -> bool:
    """Whether the code or settings here have changed since the pipeline was upserted.

    On AWS that may have been on another machine, so that only a change of the steps can be told.

    Args:
        session: The target's session.
        settings: Resolved settings.
    """
    try:
        settings, _ = placed(settings)
        code = bundles()
    except UserError:  # a script or the weights are gone, which an execution does without
        return True
    found = session.client("sagemaker").describe_pipeline(PipelineName=NAME)["PipelineDefinition"]
    if settings.target == "local":
        kept = DEFINITIONS / f"{_key(settings, code)}.json"
        return not kept.is_file() or kept.read_text() != found
    return any(bundle.prefix(settings) not in found for bundle in code.values())


def dry_run(settings: Settings) -> str:
    """The definition as a person reads it; nothing is sent anywhere.

    Args:
        settings: Resolved settings.

    Raises:
        ParameterError: The settings make a value that is not allowed a parameter's default.
        WeightsError: The pretrained weights are missing.
    """
    settings, _ = placed(settings)
    return json.dumps(json.loads(compiled_definition(settings, bundles())[0]), indent=2)


def compiled_definition(settings: Settings, code: Mapping[str, Bundle]) -> tuple[str, bool]:
    """The compiled definition, and whether it had to be compiled.

    Args:
        settings: Resolved settings.
        code: The bundle of each step.
    """
    kept = DEFINITIONS / f"{_key(settings, code)}.json"
    if kept.is_file():
        kept.touch()
        return kept.read_text(), False
    print("Compiling the definition (the SageMaker SDK takes a few seconds).", file=sys.stderr)
    text = _compile(settings)
    DEFINITIONS.mkdir(parents=True, exist_ok=True)
    # Renamed into place, so that an interrupted write is never read.
    written = kept.with_suffix(f".{os.getpid()}")
    written.write_text(text)
    written.replace(kept)
    by_age = sorted(DEFINITIONS.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for old in by_age[:-KEPT]:
        old.unlink(missing_ok=True)
    return text, True


def _compile(settings: Settings) -> str:
    """Compile in a process of its own.

    The SDK takes over the root logger, reads the environment when it is imported and holds some
    hundred MB; none of it should stay while an execution is watched.
    """
    compiled = subprocess.run(
        [sys.executable, "-m", "pipelines.definition"],
        input=settings.model_dump_json(),
        env=environment(),
        capture_output=True,
        text=True,
    )
    if compiled.returncode:
        raise UpsertError(f"The definition does not compile:\n{compiled.stderr.strip()}")
    return compiled.stdout


def _key(settings: Settings, code: Mapping[str, Bundle]) -> str:
    """A hash of everything that a definition is made from."""
    digest = hashlib.sha256(settings.model_dump_json().encode())
    for name, bundle in sorted(code.items()):
        digest.update(f"{name}={bundle.sha}".encode())
    # The lock file names the SDK's version.
    for file in [*sorted((ROOT / "pipelines").rglob("*.py")), ROOT / "requirements.txt"]:
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    # A default that is a local folder is compiled as an address that depends on where it lies.
    digest.update(str(ROOT).encode())
    return digest.hexdigest()[:16]


def _put(
    session: "boto3.Session", settings: Settings, text: str
) -> tuple[str, Literal["created", "updated", "unchanged"]]:
    sagemaker = session.client("sagemaker")
    parallelism = {"MaxParallelExecutionSteps": settings.running.parallelism}
    wanted = {
        "PipelineName": NAME,
        "PipelineDefinition": text,
        "RoleArn": settings.role_arn,
        "ParallelismConfiguration": parallelism,
    }
    pages = sagemaker.get_paginator("list_pipelines").paginate(PipelineNamePrefix=NAME)
    names = {pipeline["PipelineName"] for page in pages for pipeline in page["PipelineSummaries"]}
    if NAME not in names:
        created = sagemaker.create_pipeline(
            **wanted,
            PipelineDescription="Counts the items in photographs of warehouse bins.",
            ClientRequestToken=hashlib.sha256(f"{time.time_ns()}".encode()).hexdigest()[:40],
            Tags=[{"Key": "project", "Value": NAME}],
        )
        return created["PipelineArn"], "created"
    found = sagemaker.describe_pipeline(PipelineName=NAME)
    if all(found.get(member) == value for member, value in wanted.items()):
        return found["PipelineArn"], "unchanged"
    return sagemaker.update_pipeline(**wanted)["PipelineArn"], "updated"


def _check(session: "boto3.Session", settings: Settings) -> list[str]:
    """Refuse what would fail hours after the start; answers what only should be known."""
    if settings.images.from_ecr and (missing := container_images.missing(session, settings)):
        raise UpsertError(
            "\n".join(
                [
                    "The steps would run in images that ECR does not have:",
                    *(f"  {image}" for image in missing.values()),
                    f"Build and push them: PIPELINE_TARGET={settings.target} make images",
                ]
            )
        )
    if holds_current_code(session, settings):
        return []
    return [
        f"{FUNCTION} promotes with other code than model_registry/ here; to replace it: "
        f"python pipeline.py --target {settings.target} setup"
    ]


def _check_no_model(session: "boto3.Session", settings: Settings) -> None:
    """Evaluate reads a model or what stands for none, and would miss it when all is trained."""
    address = no_model(settings)
    found = session.client("s3").list_objects_v2(
        Bucket=settings.bucket_name, Prefix=address.split("/", 3)[3], MaxKeys=1
    )
    if not found.get("Contents"):
        raise UpsertError(
            f"Nothing is at {address}, which stands for `no model is approved yet`. "
            f"Put it there: python pipeline.py --target {settings.target} setup"
        )


def _explain(error: Any, settings: Settings) -> str:
    """A ClientError said for the person who upserts."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    operation = error.operation_name
    if code == "NoSuchBucket":
        return (
            f"There is no bucket {settings.bucket_name}. "
            f"Make what the pipeline needs: python pipeline.py --target {settings.target} setup"
        )
    if "AccessDenied" in code:
        return f"A permission is missing for {operation}: {message}"
    if code == "ValidationException" and "role" in message.lower():
        return (
            f"SageMaker cannot use the role {settings.role_arn}: {message} "
            f"Make it: python pipeline.py --target {settings.target} setup"
        )
    return f"{operation} failed with {code}: {message}"
