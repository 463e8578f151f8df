"""The Lambda function that promotes a model version, and the queue of what it could not do."""

import base64
import hashlib
import io
import json
import time
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from model_registry.deployment import ROLLOUT, Rollout
from pipelines import NAME
from pipelines.provisioning import template
from pipelines.provisioning.item import Item, SetupError, State, explained
from pipelines.root import ROOT
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_lambda import LambdaClient

    from model_registry.configuration import Placement

TAGS = {"project": NAME}
# A new role is not known everywhere at once; AWS says to try again.
ROLE_WAIT_SECONDS = 60


def package() -> bytes:
    """The function's code: a zip of `model_registry/` whose bytes depend on its content alone."""
    packed = io.BytesIO()
    # Stored, not compressed: compressed bytes differ between versions of zlib.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted((ROOT / "model_registry").rglob("*.py")):
            # A fixed time keeps the bytes the same; zip has none before 1980.
            entry = zipfile.ZipInfo(file.relative_to(ROOT).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return packed.getvalue()


def function(session: "boto3.Session", settings: Settings) -> Item:
    """The function, with the configuration of the template and the code of `model_registry/`."""
    client, code, name = session.client("lambda"), package(), settings.function_name
    described = template.properties("Promotion", settings)
    wanted: dict[str, Any] = {
        **{key: value for key, value in described.items() if key not in ("Code", "Tags")},
        "Role": settings.arn("iam", f"role/{settings.global_name('promote')}"),
        "Environment": {"Variables": environment(settings)},
    }
    try:
        current: Any = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        _create_function(client, wanted, code)
        return Item("Lambda function", name, "created")
    state: State = "exists"
    if any(current.get(key) != value for key, value in wanted.items()):
        client.update_function_configuration(**wanted)
        # Lambda accepts one change of a function at a time.
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
        state = "updated"
    if current["CodeSha256"] != _sha(code):
        client.update_function_code(FunctionName=name, ZipFile=code)
        state = "updated"
    return Item("Lambda function", name, state)


def environment(settings: Settings) -> dict[str, str]:
    """The function's environment variables, which `model_registry.lambda_handler` reads.

    Args:
        settings: Resolved settings.
    """
    return {
        "EXECUTION_ROLE": settings.role_arn,
        "INSTANCE_COUNT": str(settings.instances.inference_count),
        "MODEL_PACKAGE_GROUP": settings.name,
        ROLLOUT: json.dumps(asdict(rollout(settings))),
        "TAGS": json.dumps(TAGS),
    }


def rollout(settings: Settings) -> Rollout:
    """How the function and the command line change an endpoint to another version."""
    chosen = settings.rollout
    return Rollout(
        chosen.type, chosen.percent, chosen.bake, settings.alarm_names, settings.endpoint
    )


def placement(settings: Settings) -> "Placement":
    """The settings' endpoint, as the command line promotes to it."""
    from model_registry.configuration import Placement

    return Placement(
        settings.endpoint,
        settings.instances.inference,
        settings.role_arn,
        settings.instances.inference_count,
        rollout(settings),
        TAGS,
    )


def lost_approvals(session: "boto3.Session", settings: Settings) -> Item:
    """The queue of approvals that the function could not carry out."""
    client, described = session.client("sqs"), template.properties("LostApprovals", settings)
    name = described["QueueName"]
    try:
        client.get_queue_url(QueueName=name)
        return Item("queue", name, "exists")
    except client.exceptions.QueueDoesNotExist:
        client.create_queue(
            QueueName=name,
            Attributes={
                "MessageRetentionPeriod": str(described["MessageRetentionPeriod"]),
                "SqsManagedSseEnabled": "true",
            },
            tags=TAGS,
        )
        return Item("queue", name, "created")


def failure_destination(session: "boto3.Session", settings: Settings) -> Item:
    """How often Lambda tries an event again, and where it puts one that fails for good."""
    client, described = session.client("lambda"), template.properties("PromotionFailure", settings)
    name = settings.function_name
    item = "where events that fail go"
    wanted: dict[str, Any] = {
        key: described[key]
        for key in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig")
    }
    state: State = "created"
    try:
        current: Any = client.get_function_event_invoke_config(FunctionName=name)
        if all(_holds(current.get(key), value) for key, value in wanted.items()):
            return Item(item, name, "exists")
        state = "updated"
    except client.exceptions.ResourceNotFoundException:
        pass
    client.put_function_event_invoke_config(FunctionName=name, **wanted)
    return Item(item, name, state)


def _holds(current: Any, wanted: Any) -> bool:
    """Whether a response has what was asked for; Lambda adds an empty OnSuccess."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        return all(_holds(current.get(key), value) for key, value in wanted.items())
    return bool(current == wanted)


def is_current(session: "boto3.Session", settings: Settings) -> bool:
    """Whether the function has the code of `model_registry/` here.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        SetupError: There is no such function, or these credentials may not look at it.
    """
    name = settings.function_name
    with explained("lambda"):
        client = session.client("lambda")
        try:
            current = client.get_function_configuration(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            raise SetupError(
                f"There is no Lambda function {name}, which the pipeline's last step invokes. "
                f"Create it: python pipeline.py --target {settings.target} setup"
            ) from None
    return current["CodeSha256"] == _sha(package())


def _create_function(client: "LambdaClient", wanted: dict[str, Any], code: bytes) -> None:
    deadline = time.monotonic() + ROLE_WAIT_SECONDS
    while True:
        try:
            client.create_function(**wanted, Code={"ZipFile": code}, Tags=TAGS)
            return
        except client.exceptions.InvalidParameterValueException as error:
            if "assume" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(3)


def _sha(code: bytes) -> str:
    """The hash as Lambda reports it."""
    return base64.b64encode(hashlib.sha256(code).digest()).decode()
