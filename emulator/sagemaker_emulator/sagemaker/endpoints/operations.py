"""Endpoints: created, updated, described and deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import MODIFIED, Stored, page
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.endpoints import (
    configs,
    guard,
    progress,
    serverless,
    status_events,
    variants,
)
from sagemaker_emulator.sagemaker.endpoints.deployments import KIND
from sagemaker_emulator.sagemaker.endpoints.rollout import Rollout
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation("CreateEndpoint", honours=paths("EndpointName EndpointConfigName DeploymentConfig Tags"))
def create_endpoint(context: Context, request: types.CreateEndpointInputTypeDef) -> Response:
    """Create the endpoint and start its servers."""
    name = request["EndpointName"]
    config = configs.get(context, request["EndpointConfigName"])
    # There is no fleet yet to shift traffic from: it is checked, and kept for later updates.
    rollout = Rollout.of(request.get("DeploymentConfig"), config["ProductionVariants"])
    guard.require_alarms(context, rollout.alarms)
    serverless.check_update(None, config, request.get("DeploymentConfig"))
    arn = context.arn(KIND, name)
    now = time.time()
    document = {
        "EndpointName": name,
        "EndpointArn": arn,
        "EndpointConfigName": request["EndpointConfigName"],
        "EndpointStatus": "Creating",
        "CreationTime": now,
        "LastModifiedTime": now,
        "Config": config,
    }
    if "DeploymentConfig" in request:
        document["LastDeploymentConfig"] = request["DeploymentConfig"]
    endpoints = context.endpoints
    with endpoints.changed:
        with context.store.transaction():
            if not context.store.create(KIND, name, document):
                raise invalid(f'Cannot create already existing endpoint "{arn}".')
            tags.add(context, arn, request.get("Tags"))
        status_events.emit_status(context, document)
        endpoints.begin(name, config)
    return {"EndpointArn": arn}


@operation(
    "UpdateEndpoint",
    honours=paths("""
        EndpointName EndpointConfigName RetainAllVariantProperties ExcludeRetainedVariantProperties
        DeploymentConfig RetainDeploymentConfig
    """),
)
def update_endpoint(context: Context, request: types.UpdateEndpointInputTypeDef) -> Response:
    """Start the new configuration's servers, and change over when they respond."""
    name = request["EndpointName"]
    config = dict(configs.get(context, request["EndpointConfigName"]))
    endpoints = context.endpoints
    with endpoints.changed:
        with context.store.transaction():
            document = get(context, name)
            arn, status = document["EndpointArn"], document["EndpointStatus"]
            if status == "Failed":
                raise invalid(f'Cannot update failed endpoint "{arn}"; it can only be deleted.')
            if status != "InService":
                raise invalid(f'Cannot update in-progress endpoint "{arn}" ({status}).')
            if request.get("RetainAllVariantProperties"):
                config = _retained(request, document, config)
            _require_scaled(context, document, config)
            serverless.check_update(document["Config"], config, request.get("DeploymentConfig"))
            deployment_config = _deployment_config(context, request, document, config)
            now = time.time()
            changes: Document = {
                "EndpointStatus": "Updating",
                "FailureReason": "",
                "Update": {
                    "Config": config,
                    "StartTime": now,
                    "DeploymentConfig": deployment_config,
                },
                "LastDeploymentConfig": deployment_config,
            }
            updated = context.store.update(KIND, name, LastModifiedTime=now, **changes)
        status_events.emit_status(context, updated)
        endpoints.begin(name, config, deployment_config=deployment_config)
    return {"EndpointArn": arn}


def _require_scaled(context: Context, document: Document, config: Document) -> None:
    """Refuse an update that takes a variant from Application Auto Scaling.

    Raises:
        ApiError: in AWS's words.
    """
    old, new = (
        {each["VariantName"]: each.get("InstanceType") for each in of["ProductionVariants"]}
        for of in (document["Config"], config)
    )
    scaled = context.scaling.registered(document["EndpointName"])
    if lost := [name for name in old if name in scaled and new.get(name) != old[name]]:
        raise invalid(
            f"The following variants must be deregistered as scalable targets with AWS Auto "
            f"Scaling before they can be removed or have their instance type modified: "
            f"{', '.join(lost)}."
        )


def _deployment_config(
    context: Context, request: Mapping[str, Any], document: Document, config: Document
) -> Document | None:
    """The DeploymentConfig of an update: the request's, else the last one if it is retained.

    Raises:
        ApiError: it cannot be carried out.
    """
    chosen: Document | None = request.get("DeploymentConfig")
    if not chosen and request.get("RetainDeploymentConfig"):
        chosen = document.get("LastDeploymentConfig")
    rollout = Rollout.of(chosen, config["ProductionVariants"])
    guard.require_alarms(context, rollout.alarms)
    if len(rollout.steps) > 1:
        old = document["Config"]["ProductionVariants"]
        guard.require_alike(old, config["ProductionVariants"])
    return chosen or None


def _retained(request: Mapping[str, Any], document: Document, config: Document) -> Document:
    """A configuration with the present properties of the endpoint's variants."""
    excluded = [
        one["VariantPropertyType"] for one in request.get("ExcludeRetainedVariantProperties", [])
    ]
    now = {variant["VariantName"]: variant for variant in variants.shown(document)}
    initial = {
        "DesiredWeight": "InitialVariantWeight",
        "DesiredInstanceCount": "InitialInstanceCount",
    }

    def retained(variant: Document) -> Document:
        present = now.get(variant["VariantName"], {})
        kept = {
            initial[name]: present[name]
            for name in initial
            if name in present and name not in excluded
        }
        if not kept.get("InitialInstanceCount", 1) or "ServerlessConfig" in variant:
            kept.pop("InitialInstanceCount", None)  # one of both has no instances
        return variant | kept

    return config | {
        kind: [retained(variant) for variant in config[kind]]
        for kind in (variants.PRODUCTION, variants.SHADOW)
        if config.get(kind)
    }


@operation("DescribeEndpoint", honours=paths("EndpointName"))
def describe_endpoint(context: Context, request: types.DescribeEndpointInputTypeDef) -> Response:
    """What the endpoint serves, and its status."""
    document = get(context, request["EndpointName"])
    if not document.get("FailureReason"):
        document.pop("FailureReason", None)
    if captures := document["Config"].get("DataCaptureConfig"):
        described = context.captures.describe(request["EndpointName"], captures)
        document["DataCaptureConfig"] = described
    if asynchronous := document["Config"].get("AsyncInferenceConfig"):
        document["AsyncInferenceConfig"] = asynchronous
    if document["EndpointStatus"] == "Creating" or document.get("Update"):
        document["PendingDeploymentSummary"] = progress.pending(document)
    return document


@operation("ListEndpoints", honours=paths(MODIFIED))
def list_endpoints(context: Context, request: types.ListEndpointsInputTypeDef) -> Response:
    """Endpoints by name part, status and time."""
    return page(
        "ListEndpoints",
        request,
        Stored(context.store, KIND, name_holds=request.get("NameContains", "")),
        "Endpoints",
        "Endpoint",
    )


@operation("DeleteEndpoint", honours=paths("EndpointName"))
def delete_endpoint(context: Context, request: types.DeleteEndpointInputTypeDef) -> Response:
    """Forget the endpoint at once; its servers end when they have responded."""
    name = request["EndpointName"]
    endpoints = context.endpoints
    with endpoints.changed:
        with context.store.transaction():
            document = get(context, name)
            if document["EndpointStatus"] in ("Creating", "Updating"):
                raise invalid(
                    f'Cannot delete in-progress endpoint "{document["EndpointArn"]}" '
                    f"({document['EndpointStatus']}); wait until it is InService or Failed."
                )
            status_events.emit_status(context, document | {"EndpointStatus": "Deleting"})
            context.store.delete(KIND, name)
            context.store.delete("tags", document["EndpointArn"])
        endpoints.remove(name)
    context.captures.forget(name)
    context.async_invocations.forget(name)
    context.scaling.forget(name)
    return {}


def get(context: Context, name: str) -> Document:
    """An endpoint's document.

    Raises:
        ApiError: there is none of that name.
    """
    document = context.store.get(KIND, name)
    if document is None:
        raise invalid(f'Could not find endpoint "{context.arn(KIND, name)}".')
    return document
