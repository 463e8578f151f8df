"""UpdateEndpointWeightsAndCapacities: the shares and the instances of an endpoint's variants."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.endpoints import serverless, status_events, variants
from sagemaker_emulator.sagemaker.endpoints.deployments import KIND
from sagemaker_emulator.sagemaker.endpoints.operations import get
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation(
    "UpdateEndpointWeightsAndCapacities",
    honours=paths("""
        EndpointName DesiredWeightsAndCapacities{
            VariantName DesiredWeight DesiredInstanceCount
            ServerlessUpdateConfig{MaxConcurrency ProvisionedConcurrency}
        }
    """),
)
def update_weights(
    context: Context, request: types.UpdateEndpointWeightsAndCapacitiesInputTypeDef
) -> Response:
    """Change the variants' shares at once, and start or end instances in the background."""
    name = request["EndpointName"]
    endpoints = context.endpoints
    with endpoints.changed:
        with context.store.transaction():
            document = get(context, name)
            arn, status = document["EndpointArn"], document["EndpointStatus"]
            if status != "InService" or (deployment := endpoints.serving(name, 0)) is None:
                raise invalid(f'Cannot update in-progress endpoint "{arn}" ({status}).')
            desired = {each["VariantName"]: each for each in _unique(document, request)}
            weights = {k: v["DesiredWeight"] for k, v in desired.items() if "DesiredWeight" in v}
            now = {
                each["VariantName"]: each["CurrentInstanceCount"]
                for each in variants.shown(document)
            }
            counts = {
                k: v["DesiredInstanceCount"]
                for k, v in desired.items()
                if v.get("DesiredInstanceCount", now[k]) != now[k]
            }
            if empty := [k for k, count in counts.items() if count < 1]:
                raise invalid(
                    f'DesiredInstanceCount of the variant "{empty[0]}" must be at least 1: only '
                    "inference components and asynchronous endpoints scale to zero."
                )
            sizes = _sizes(document, desired)
            _change(document, weights, counts, sizes)
            variants.check_counts(document["Config"])
            if counts:
                document.pop("Update", None)  # the one that is over: a restart must not repeat it
                document |= {"EndpointStatus": "Updating", "FailureReason": ""}
            document["LastModifiedTime"] = time.time()
            context.store.put(KIND, name, document)
            if counts:
                status_events.emit_status(context, document)
        deployment.weigh(weights)
        deployment.resize(sizes)
        if counts:
            endpoints.scale(name, counts)
    return {"EndpointArn": arn}


def _sizes(
    document: Document, desired: Mapping[str, types.DesiredWeightAndCapacityTypeDef]
) -> dict[str, dict[str, int]]:
    """The ServerlessConfigs that serverless variants are to have, by their names.

    Raises:
        ApiError: a variant with instances is to have another concurrency, or the other way round.
    """
    sizes = {}
    for variant in document["Config"][variants.PRODUCTION]:
        name, now = variant["VariantName"], variant.get("ServerlessConfig")
        wish: Mapping[str, Any] = desired.get(name, {})
        wanted = "DesiredInstanceCount" if now else "ServerlessUpdateConfig"
        if wanted in wish:
            kind = "serverless" if now else "not serverless"
            raise invalid(f'{wanted}: the variant "{name}" is {kind}; leave it out.')
        if now and "ServerlessUpdateConfig" in wish:
            sizes[name] = {**now, **wish["ServerlessUpdateConfig"]}
            serverless.check_size(name, sizes[name])
    return sizes


def _change(
    document: Document,
    weights: Mapping[str, float],
    counts: Mapping[str, int],
    sizes: Mapping[str, Mapping[str, int]],
) -> None:
    """Have an endpoint's document show what its variants are to have, and a restart restore it."""
    for variant in variants.shown(document):
        name = variant["VariantName"]
        if name in weights:
            variant |= {"CurrentWeight": weights[name], "DesiredWeight": weights[name]}
        if name in counts:
            variant["DesiredInstanceCount"] = counts[name]
        if name in sizes:
            variant |= dict.fromkeys(variants.SIZES, sizes[name])
    for variant in variants.all_of(document["Config"]):
        name = variant["VariantName"]
        if name in weights:
            variant["InitialVariantWeight"] = weights[name]
        if name in counts:
            variant["InitialInstanceCount"] = counts[name]
        if name in sizes:
            variant["ServerlessConfig"] = sizes[name]


def _unique(
    document: Document, request: types.UpdateEndpointWeightsAndCapacitiesInputTypeDef
) -> list[types.DesiredWeightAndCapacityTypeDef]:
    """What is desired, each of a variant of its own.

    Raises:
        ApiError: a variant is there twice, or is not one of the endpoint's.
    """
    desired = list(request["DesiredWeightsAndCapacities"])
    names = [each["VariantName"] for each in desired]
    if twice := [each for each in names if names.count(each) > 1]:
        raise invalid(f'The variant name "{twice[0]}" was non-unique within the request.')
    known = [variant["VariantName"] for variant in variants.shown(document)]
    if unknown := [each for each in names if each not in known]:
        listed = ", ".join(f'"{each}"' for each in unknown)
        raise invalid(
            f"The variant name(s) {listed} is/are not present within endpoint configuration "
            f'"{document["EndpointConfigName"]}".'
        )
    return desired
