"""What became of a deployment: on the endpoint while it lasts, on the version if it fails.

The endpoint's tag `tally:attempt` names the configuration that a promotion changes it to. Once the
endpoint rests, that configuration serves, or the deployment has failed or was rolled back: then the
endpoint's tag `tally:failed` names it, and the version gets a note, by which later events know not
to promote it again for the same decision.

The tags are written before the endpoint is changed, so that no change goes unnoticed. Until its
time of modification is another one, the endpoint rests because the change has not begun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from model_registry import endpoint as endpoints
from model_registry.endpoint import Endpoint
from model_registry.versions import ModelVersion, account_of, find

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

# Tags of an endpoint; all but one with a configuration's name.
ATTEMPT: Final = "tally:attempt"  # whose outcome is not noted yet
BEFORE: Final = "tally:before"  # that it is to replace, and that serves on if it fails
FAILED: Final = "tally:failed"  # that the last attempt did not lead to
UNTOUCHED: Final = (
    "tally:untouched"  # when the endpoint was last modified before the attempt, ISO 8601
)
# Metadata of a version. Writing it changes the version's time of change, by which nothing may be
# ordered: `decisions` keeps the time of the decision beside it.
FAILURE: Final = "deployment_failure"  # why, in words
FAILED_DECISION: Final = "deployment_failed_decision"  # for the decision of this time, ISO 8601
UNKNOWN = "SageMaker gives no reason; the alarms' history and the endpoint's log may"
BROKEN = ("Failed", "OutOfService", "UpdateRollbackFailed")
MOST_CHARACTERS = 256  # of a value of CustomerMetadataProperties


@dataclass(frozen=True)
class Failure:
    """A deployment that did not lead to its version being served.

    Attributes:
        version: The version; 0 if it has been deleted.
        reason: SageMaker's reason.
        serving: The package that the endpoint serves instead; "" for none.
    """

    endpoint_name: str
    package_arn: str
    version: int
    reason: str
    serving: str

    @property
    def group(self) -> str:
        """The version's model package group."""
        return group_of(self.package_arn)

    @property
    def message(self) -> str:
        """A sentence for a person."""
        instead = (
            f"Version {self.serving.rpartition('/')[2]} serves all requests"
            if self.serving
            else "It serves nothing"
        )
        what = f"version {self.version}" if self.version else "a deleted version"
        return (
            f"Endpoint {self.endpoint_name} does not serve {what}: the deployment failed or was "
            f"rolled back. {instead}. Reason: {self.reason}"
        )


def refuse(
    client: SageMakerClient, version: ModelVersion, endpoint: str, decided_at: datetime, why: str
) -> Failure:
    """Note on a version that it may not be deployed; the endpoint serves what it did.

    Args:
        client: A boto3 SageMaker client.
        version: The version.
        endpoint: The endpoint's name.
        decided_at: The decision that cannot be carried out.
        why: The reason, for a person.
    """
    current = endpoints.read(client, endpoint)
    _note_on(client, version, decided_at, why)
    return Failure(
        endpoint, version.arn, version.version, why, current.model.package if current else ""
    )


def group_of(package_arn: str) -> str:
    """The model package group in a version's ARN; "" for a package of none."""
    group, slash, _ = package_arn.partition(":model-package/")[2].rpartition("/")
    return group if slash else ""


def is_of(group: str, package: str) -> bool:
    """Whether a version is of a group, which is a name, or an ARN for another account's."""
    if not group.startswith("arn:"):
        return group_of(package) == group
    return package.replace(":model-package/", ":model-package-group/").rpartition("/")[0] == group


def ignore(_: Failure) -> None:
    """Announce a failure to nobody."""


def begin(client: SageMakerClient, current: Endpoint, config: str) -> None:
    """Note on an endpoint that it is about to change to a configuration, or that it is not."""
    untouched = _moment(current) if config else ""
    _tag(client, current.arn, attempt=config, before=current.config, untouched=untouched)


def settle(client: SageMakerClient, current: Endpoint, announce: Callable[[Failure], None]) -> None:
    """Note what became of the last attempt, if the endpoint rests and nobody has noted it.

    Args:
        client: A boto3 SageMaker client.
        current: The endpoint.
        announce: Called with a failure, before it counts as noted: it may be told twice, but is
            told.
    """
    if current.busy:  # also one that is being deleted, and may have no tags any more
        return
    tags = endpoints.tags_of(client, current.arn)
    if not tags.get(ATTEMPT) or _not_begun(current, tags):
        return
    config = failed_config(client, current)
    if config:
        announce(_note(client, current, config))
    _tag(client, current.arn, failed=config)


def package(client: SageMakerClient, current: Endpoint) -> str:
    """The package that the last promotion is about, or that the endpoint serves; "" for none."""
    attempt = endpoints.tags_of(client, current.arn).get(ATTEMPT)
    config = attempt or current.next_config
    return endpoints.read_model(client, config, current.variant).package


def failed_config(client: SageMakerClient, current: Endpoint) -> str:
    """The configuration that the last promotion did not lead to; "" if it did, or is under way."""
    tags = endpoints.tags_of(client, current.arn)
    attempt = tags.get(ATTEMPT)
    if not attempt:
        return tags.get(FAILED, "")
    if _not_begun(current, tags):
        return ""
    # Else it serves, or somebody has given the endpoint yet another configuration since.
    as_before = current.config not in (attempt, "") and current.config == tags.get(BEFORE)
    return attempt if not current.busy and (as_before or current.status in BROKEN) else ""


def _not_begun(current: Endpoint, tags: Mapping[str, str]) -> bool:
    """Whether SageMaker has not been asked yet for the change that the tags announce."""
    return tags.get(UNTOUCHED) == _moment(current)


def _moment(current: Endpoint) -> str:
    """When an endpoint was last modified, in UTC: botocore answers in the machine's own zone."""
    return current.modified.astimezone(UTC).isoformat()


def _tag(
    client: SageMakerClient,
    arn: str,
    *,
    attempt: str = "",
    before: str = "",
    failed: str = "",
    untouched: str = "",
) -> None:
    tags = ((ATTEMPT, attempt), (BEFORE, before), (FAILED, failed), (UNTOUCHED, untouched))
    client.add_tags(ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in tags])


def failed(version: ModelVersion, decided_at: datetime) -> bool:
    """Whether a version could not be deployed for a decision, or for one after it."""
    noted = version.metadata.get(FAILED_DECISION)
    return noted is not None and datetime.fromisoformat(noted) >= decided_at


def _note(client: SageMakerClient, current: Endpoint, attempt: str) -> Failure:
    model = endpoints.read_model(client, attempt, current.variant)
    version = find(client, model.package) if model.package else None
    reason = current.failure.rstrip(".") or UNKNOWN
    # Else it is another package of the same name. Another account's version is not ours to change.
    if (
        version
        and model.created >= version.created
        and account_of(version.arn) == account_of(current.arn)
    ):
        _note_on(client, version, endpoints.decided_at(client, attempt), reason)
    serving = "" if current.status in BROKEN else current.model.package
    number = version.version if version else 0
    return Failure(current.name, model.package, number, reason, serving)


def _note_on(
    client: SageMakerClient, version: ModelVersion, decided_at: datetime, reason: str
) -> None:
    client.update_model_package(
        ModelPackageArn=version.arn,
        CustomerMetadataProperties={
            FAILURE: _plain(reason),
            FAILED_DECISION: decided_at.astimezone(UTC).isoformat(),
        },
    )


def _plain(reason: str) -> str:
    """The reason in the characters that CustomerMetadataProperties take."""
    return re.sub(r"[^\w .:/=+\-@]+", " ", reason).strip()[:MOST_CHARACTERS]
