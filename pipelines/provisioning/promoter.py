"""What the promotion function is told, and whether it has the code that is here."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from model_registry.capture import CAPTURE, Capture
from model_registry.deployment import ROLLOUT, Rollout
from model_registry.scaling import SCALING, Scaling
from model_registry.security import SECURITY, Security
from model_registry.serverless import SERVERLESS, Serverless
from pipelines.provisioning.item import SetupError, explained
from pipelines.provisioning.kinds.functions import package, sha
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

    from model_registry.configuration import Placement


def environment(settings: Settings) -> dict[str, str]:
    """The function's environment variables, which `model_registry.lambda_handler` reads.

    Args:
        settings: Resolved settings.
    """
    return {
        CAPTURE: json.dumps(asdict(capture(settings))),
        "EXECUTION_ROLE": settings.role_arn,
        "INSTANCE_COUNT": str(settings.instances.inference_count),
        "MODEL_PACKAGE_GROUP": settings.group,
        "STOP_AT": settings.images.stop_at,
        ROLLOUT: json.dumps(asdict(rollout(settings))),
        SCALING: json.dumps(asdict(scaling(settings))),
        SECURITY: json.dumps(asdict(security(settings))),
        SERVERLESS: json.dumps(asdict(serverless(settings))),
        "TAGS": json.dumps(settings.tags),
    }


def rollout(settings: Settings) -> Rollout:
    """How the function and the command line change an endpoint to another version."""
    chosen = settings.rollout
    return Rollout(
        chosen.type, chosen.percent, chosen.bake, settings.alarm_names, settings.endpoint
    )


def capture(settings: Settings) -> Capture:
    """What endpoints keep of their answers."""
    return Capture(settings.capture.percent, settings.capture_address)


def scaling(settings: Settings) -> Scaling:
    """How many instances endpoints have."""
    chosen = settings.scaling
    return Scaling(chosen.min, chosen.max, chosen.invocations_per_instance)


def security(settings: Settings) -> Security:
    """The network and the key of the endpoint and of batch scoring."""
    chosen = settings.security
    return Security(chosen.subnets, chosen.security_groups, chosen.isolated, chosen.kms_key)


def serverless(settings: Settings) -> Serverless:
    """The sizes of a new endpoint without instances."""
    chosen = settings.instances.serverless
    return Serverless(chosen.memory_mb, chosen.max_concurrency)


def placement(settings: Settings) -> "Placement":
    """The settings' endpoint, as the command line promotes to it."""
    from model_registry.configuration import Placement

    return Placement(
        settings.endpoint,
        settings.instances.inference,
        settings.role_arn,
        settings.instances.inference_count,
        rollout(settings),
        settings.tags,
        settings.images.stop_at,
        capture(settings),
        security(settings),
        serverless=serverless(settings),
    )


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
    return current["CodeSha256"] == sha(package())
