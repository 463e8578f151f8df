"""What a promotion replaced, for the function's log: the version before, and what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.promotion import Promotion
from model_registry.versions import ModelVersion, describe

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

# Of the metadata that Register stores with a version.
FACTS = ("classes", "data_source", "data_version", "backbone", "accuracy")


def describe_replaced(
    client: SageMakerClient, promotion: Promotion, version: ModelVersion
) -> dict[str, Any]:
    """The replaced version's number, and each fact that differs: [before, now].

    An approval is carried out whatever it changes, so nothing here may fail it.

    Returns:
        An empty dictionary where nothing was replaced, or nothing is known of it.
    """
    config = promotion.replaced_config_name
    try:
        package = endpoints.read_model(client, config).package if config else ""
        before = describe(client, package) if package else None
    except ClientError:  # deleted, or the role may not read it
        return {}
    if before is None or before.arn == version.arn:
        return {}
    facts = {name: [one.metadata.get(name, "") for one in (before, version)] for name in FACTS}
    changed = {name: values for name, values in facts.items() if len(set(values)) > 1}
    return {"replaced_version": before.version, "changed": changed}
