"""Endpoints: created, updated, described and deleted."""

import time
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.endpoints import configs, deployments
from sagemaker_emulator.sagemaker.endpoints.deployments import KIND


def start(context: Context) -> None:
    """Bring the endpoints back."""
    deployments.of(context).resume()


def stop(context: Context) -> None:
    """End their containers; the endpoints stay InService on disk."""
    deployments.close(context)


@operation("CreateEndpoint")
def create_endpoint(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the endpoint and start its servers."""
    name = request["EndpointName"]
    config = configs.get(context, request["EndpointConfigName"])
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
    endpoints = deployments.of(context)
    with endpoints.changed:
        with context.store.transaction():
            if not context.store.create(KIND, name, document):
                raise invalid(f'Cannot create already existing endpoint "{arn}".')
            context.tag(arn, request.get("Tags"))
        endpoints.begin(name, config)
    return {"EndpointArn": arn}


@operation("UpdateEndpoint")
def update_endpoint(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Start the new configuration's servers, and change over when they answer."""
    name = request["EndpointName"]
    config = dict(configs.get(context, request["EndpointConfigName"]))
    endpoints = deployments.of(context)
    with endpoints.changed:
        with context.store.transaction():
            document = get(context, name)
            arn, status = document["EndpointArn"], document["EndpointStatus"]
            if status == "Failed":
                raise invalid(f'Cannot update failed endpoint "{arn}"; it can only be deleted.')
            if status != "InService":
                raise invalid(f'Cannot update in-progress endpoint "{arn}" ({status}).')
            if request.get("RetainAllVariantProperties"):
                config["ProductionVariants"] = _retained(request, document, config)
            changes: dict[str, Any] = {
                "EndpointStatus": "Updating",
                "FailureReason": "",
                "Update": {"Config": config},
            }
            context.store.update(KIND, name, LastModifiedTime=time.time(), **changes)
        endpoints.begin(name, config)
    return {"EndpointArn": arn}


def _retained(
    request: dict[str, Any], document: dict[str, Any], config: dict[str, Any]
) -> list[dict[str, Any]]:
    """A configuration's variants, with what the endpoint's variants of their names have now."""
    excluded = [
        one["VariantPropertyType"] for one in request.get("ExcludeRetainedVariantProperties", [])
    ]
    now = {variant["VariantName"]: variant for variant in document.get("ProductionVariants", [])}
    initial = {
        "DesiredWeight": "InitialVariantWeight",
        "DesiredInstanceCount": "InitialInstanceCount",
    }
    return [
        variant
        | {
            initial[name]: now[variant["VariantName"]][name]
            for name in initial
            if name not in excluded and variant["VariantName"] in now
        }
        for variant in config["ProductionVariants"]
    ]


@operation("UpdateEndpointWeightsAndCapacities")
def update_weights(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Change the variants' shares; the number of instances is noted, and stays one here."""
    name = request["EndpointName"]
    document = get(context, name)
    deployment = deployments.of(context).serving(name, 0)
    if document["EndpointStatus"] != "InService" or deployment is None:
        raise invalid(f'Endpoint "{document["EndpointArn"]}" is {document["EndpointStatus"]}.')
    variants = {v["VariantName"]: v for v in document["ProductionVariants"]}
    for wanted in request["DesiredWeightsAndCapacities"]:
        variant = variants.get(wanted["VariantName"])
        if variant is None:
            raise invalid(
                f"{name} has no variant {wanted['VariantName']}; it has {', '.join(variants)}."
            )
        weight = wanted.get("DesiredWeight", variant["CurrentWeight"])
        variant |= {"CurrentWeight": weight, "DesiredWeight": weight}
        if "DesiredInstanceCount" in wanted:
            variant["DesiredInstanceCount"] = wanted["DesiredInstanceCount"]
    config = document["Config"]
    for given in config["ProductionVariants"]:
        given["InitialVariantWeight"] = variants[given["VariantName"]]["CurrentWeight"]
    deployment.weights.update({n: v["CurrentWeight"] for n, v in variants.items()})
    changes = {"ProductionVariants": list(variants.values()), "Config": config}
    context.store.update(KIND, name, LastModifiedTime=time.time(), **changes)
    return {"EndpointArn": document["EndpointArn"]}


@operation("DescribeEndpoint")
def describe_endpoint(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """What the endpoint runs and how it is."""
    document = get(context, request["EndpointName"])
    if not document.get("FailureReason"):
        document.pop("FailureReason", None)
    if document["EndpointStatus"] in ("Creating", "Updating"):
        config = document.get("Update", document)["Config"]
        document["PendingDeploymentSummary"] = {
            "EndpointConfigName": config["EndpointConfigName"],
            "StartTime": document["LastModifiedTime"],
        }
    return document


@operation("ListEndpoints")
def list_endpoints(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Endpoints by name part, status and time."""
    return page(
        request,
        context.store.list(KIND),
        "Endpoints",
        name="EndpointName",
        sort={"Name": "EndpointName", "Status": "EndpointStatus"},
        status="EndpointStatus",
    )


@operation("DeleteEndpoint")
def delete_endpoint(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the endpoint at once and end its servers when their answers are given."""
    name = request["EndpointName"]
    endpoints = deployments.of(context)
    with endpoints.changed:
        with context.store.transaction():
            document = get(context, name)
            if document["EndpointStatus"] in ("Creating", "Updating"):
                raise invalid(
                    f'Cannot delete in-progress endpoint "{document["EndpointArn"]}" '
                    f"({document['EndpointStatus']}); wait until it is InService or Failed."
                )
            context.store.delete(KIND, name)
            context.store.delete("tags", document["EndpointArn"])
        endpoints.remove(name)
    return {}


def get(context: Context, name: str) -> dict[str, Any]:
    """An endpoint's document.

    Raises:
        ApiError: there is none of that name.
    """
    document = context.store.get(KIND, name)
    if document is None:
        raise invalid(f'Could not find endpoint "{context.arn(KIND, name)}".')
    return document
