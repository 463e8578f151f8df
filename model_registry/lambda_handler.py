"""The handler of the promotion function: for the Deploy step, approvals, and a resting endpoint.

The Deploy step names the endpoint; an approval event names only the version, which was registered
with `endpoint_name` and `instance_type` in its CustomerMetadataProperties. When the endpoint has
finished a change, its event brings up an approval that could not be carried out meanwhile.

`setup` writes the environment variables: `EXECUTION_ROLE` (the role that the endpoint's model
gets), `ROLLOUT` (`deployment.Rollout` as JSON), `MODEL_PACKAGE_GROUP` (a name, or the ARN of
another account's), `INSTANCE_COUNT`, `TAGS` and `STOP_AT` (the setting `images.stop_at`);
`CAPTURE` (`capture.Capture` as JSON), `SCALING` (`scaling.Scaling` as JSON), `SECURITY`
(`security.Security` as JSON) and `SERVERLESS` (`serverless.Serverless` as JSON).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3

from model_registry import announcements, attempts, decisions, endpoint_test, image_scan, scaling
from model_registry import endpoint as endpoints
from model_registry.attempts import Failure
from model_registry.capture import Capture
from model_registry.configuration import Placement
from model_registry.deployment import Rollout
from model_registry.errors import (
    EndpointBusyError,
    ImageScanError,
    ImageScanPendingError,
    ModelDataError,
    NotApprovedError,
    RegistryError,
    ScalingError,
)
from model_registry.promotion import promote
from model_registry.replaced import describe_replaced
from model_registry.scaling import Scaling
from model_registry.security import Security
from model_registry.serverless import Serverless
from model_registry.versions import APPROVED, ModelVersion, describe, find

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

LEFT = "left for approval"
VERSION_DELETED = "the version was deleted"
NO_DECISION = "not a decision"  # something else of the version was changed
FAILED_BEFORE = "its deployment failed before"  # for this decision: only a new one tries again
REFUSED = "refused"
CHANGING = "the endpoint is changing"
NOT_OURS = "the endpoint serves a model of another group"
NOTHING_LEFT = "no decision is left to carry out"
APPROVAL = "SageMaker Model Package State Change"
ENDPOINT = "SageMaker Endpoint State Change"
DEPLOYMENT = "SageMaker Endpoint Deployment State Change"
# Kept back of the function's own time limit, so that the reason is returned and not cut off.
MARGIN_SECONDS = 10.0


def handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Promote the version that the event names, if it is approved, or that was decided on last.

    Args:
        event: `{"model_package_arn", "endpoint_name", "instance_type"}` from the Deploy step, or
            EventBridge's "SageMaker Model Package State Change", "SageMaker Endpoint State Change"
            or "SageMaker Endpoint Deployment State Change".
        context: Lambda's context, for the time that is left.

    Returns:
        Plain values: `statusCode`, `status`, what was done and, for a version that replaced
        another, what changed.

    Raises:
        EndpointBusyError: The endpoint was being changed until the function's time was over. Lambda
            retries an event that ends so; a pipeline step ends Failed with this reason.
        RegistryError: The event names no model package, or the Deploy step one that is deleted; or
            nothing names the endpoint.
    """
    client = boto3.client("sagemaker")
    if event.get("detail-type") == DEPLOYMENT:
        group = os.environ["MODEL_PACKAGE_GROUP"]
        return _log(
            {"statusCode": 200, **endpoint_test.while_baking(client, group, event["detail"])}
        )
    if event.get("detail-type") == ENDPOINT:
        return _log({"statusCode": 200, **_follow(client, event, context)})
    if not _is_decision(event):
        return _log({"statusCode": 200, "status": NO_DECISION})
    package = _package_arn(event)
    version = find(client, package)
    if version is None:
        if event.get("detail-type") != APPROVAL:
            raise RegistryError(f"There is no model version {package}; it has been deleted.")
        # Asking again would change nothing, so the event ends here.
        return _log({"statusCode": 200, "model_package_arn": package, "status": VERSION_DELETED})
    decided_at = _approved_at(event, version)
    if decided_at:
        if attempts.failed(version, decided_at):
            return _log({"statusCode": 200, **_named(version), "status": FAILED_BEFORE})
        if version.approval == APPROVED:
            decisions.record(client, version, decided_at)
    return _log({"statusCode": 200, **_promote(client, version, event, context, decided_at)})


def _follow(client: "SageMakerClient", event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Note what became of the endpoint's change, and carry out the last decision, if it is left.

    After a rollback the version is noted, so that it is not the last decision any more: no loop.
    What rests after that is scaled as the settings say.
    """
    name = event["detail"]["EndpointName"]
    current = endpoints.read(client, name)
    if current is None or current.busy:
        return {"status": CHANGING, "endpoint_name": name}
    group = os.environ["MODEL_PACKAGE_GROUP"]
    if not attempts.is_of(group, attempts.package(client, current)):
        return {"status": NOT_OURS, "endpoint_name": name}
    attempts.settle(client, current, _announce)
    tested = endpoint_test.of_serverless(client, group, current)
    # Another account decides on the versions of its registry; here people promote them.
    version = None if group.startswith("arn:") else decisions.last(client, group, name)
    by_hand = not endpoints.tags(client, current.config).get(endpoints.DECIDED_AT)
    if version is None or by_hand:  # whoever gave it another configuration has decided later
        answer = {"status": NOTHING_LEFT, "endpoint_name": name}
    else:
        decided_at = decisions.recorded(version)
        resting = {"endpoint_name": name}
        answer = _promote(client, version, resting, context, decided_at, creates=False)
    return {**answer, **tested, **_scale(client, name)}


def _scale(client: "SageMakerClient", name: str) -> dict[str, str]:
    """Have the endpoint scaled, if it rests; else its next event does."""
    current = endpoints.read(client, name)
    if current is None or current.status != "InService":
        return {}
    try:
        autoscaling = boto3.client("application-autoscaling")
        return {"scaling": scaling.apply(autoscaling, current, Scaling.from_environment())}
    except ScalingError as error:  # asking again would change nothing
        return {"scaling": str(error)}


def _promote(
    client: "SageMakerClient",
    version: ModelVersion,
    event: Mapping[str, Any],
    context: Any,
    decided_at: datetime | None,
    *,
    creates: bool = True,
) -> dict[str, Any]:
    placement = Placement(
        endpoint_name=_value("endpoint_name", event, version),
        instance_type=_value("instance_type", event, version),
        role_arn=os.environ.get("EXECUTION_ROLE", ""),
        instance_count=int(os.environ.get("INSTANCE_COUNT", "1")),
        rollout=Rollout.from_environment(),
        tags=json.loads(os.environ.get("TAGS", "{}")),
        stop_at=os.environ.get("STOP_AT", image_scan.NONE),
        capture=Capture.from_environment(),
        serverless=Serverless.from_environment(),
        security=Security.from_environment(),
    )
    left = context.get_remaining_time_in_millis() / 1000 if context else MARGIN_SECONDS
    try:
        promotion = promote(
            client,
            version.arn,
            placement,
            wait_seconds=max(0.0, left - MARGIN_SECONDS),
            decided_at=decided_at,
            s3=boto3.client("s3"),
            ecr=None if placement.stop_at == image_scan.NONE else boto3.client("ecr"),
            announce=_announce,
            creates=creates,
        )
    except (ModelDataError, ImageScanError) as error:
        if decided_at is None or isinstance(error, ImageScanPendingError):
            raise  # the Deploy step shows the reason, and Lambda repeats an event
        # Asking again would change nothing, so an event ends here.
        name = placement.endpoint_name
        _announce(attempts.refuse(client, version, name, decided_at, str(error)))
        return {**_named(version), "status": REFUSED, "reason": str(error)}
    except NotApprovedError:
        # It may be rejected while the endpoint is busy.
        return {
            **_named(version),
            "status": LEFT,
            "approval": describe(client, version.arn).approval,
        }
    except EndpointBusyError as error:
        _log({"status": "endpoint busy", "reason": str(error)})
        raise
    replaced = describe_replaced(client, promotion, version)
    return {**_named(version), **asdict(promotion), **replaced}


def _named(version: ModelVersion) -> dict[str, Any]:
    return {"model_package_arn": version.arn, "version": version.version}


def _announce(failure: Failure) -> None:
    announcements.announce(boto3.client("events"), failure)


def _is_decision(event: Mapping[str, Any]) -> bool:
    """Whether the event may follow an approval; SageMaker sends one for any change of a version.

    It names what changed in `UpdatedModelPackageFields`; a new description or new metadata of an
    approved version must not bring it back into service.
    """
    changed = event.get("detail", {}).get("UpdatedModelPackageFields")
    return not changed or "ModelApprovalStatus" in changed


def _package_arn(event: Mapping[str, Any]) -> str:
    if event.get("detail-type") == APPROVAL:
        return str(event["detail"]["ModelPackageArn"])
    if arn := event.get("model_package_arn"):
        return str(arn)
    raise RegistryError(
        "The event names no model package: send `model_package_arn`, or EventBridge's "
        f"{APPROVAL!r}. The event has {', '.join(sorted(event)) or 'no keys'}."
    )


def _approved_at(event: Mapping[str, Any], version: ModelVersion) -> datetime | None:
    """When the version was approved; None: it is being decided now.

    An event has the time in seconds. The version has fractions of a second, too, by which approvals
    of one second have an order: what was kept of this approval before, or its time of change,
    unless something of it was changed later.
    """
    if event.get("detail-type") != APPROVAL or not event.get("time"):
        return None
    second = datetime.fromisoformat(event["time"])
    if second.tzinfo is None:
        second = second.replace(tzinfo=UTC)
    latest = second + timedelta(milliseconds=999)
    kept = decisions.recorded(version)
    return kept if kept and second <= kept <= latest else min(version.modified, latest)


def _value(name: str, event: Mapping[str, Any], version: ModelVersion) -> str:
    value = event.get(name) or version.metadata.get(name)
    if not value:
        raise RegistryError(
            f"The {name} is neither in the event nor in the CustomerMetadataProperties of version "
            f"{version.version}. Promote it by hand: "
            f"`python pipeline.py promote {version.version}`."
        )
    return str(value)


def _log(result: dict[str, Any]) -> dict[str, Any]:
    """Print the result to the function's log, and return it."""
    print(json.dumps(result))
    return result
