"""Endpoint configurations: which models an endpoint serves, and in what shares."""

import time
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.errors import invalid

KIND = "endpoint-config"
_UNSUPPORTED = {
    "AsyncInferenceConfig": "asynchronous inference",
    "ExplainerConfig": "explanations",
    "ShadowProductionVariants": "shadow variants",
}


@operation("CreateEndpointConfig")
def create_endpoint_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a configuration whose models exist."""
    name = request["EndpointConfigName"]
    for key, what in _UNSUPPORTED.items():
        if request.get(key):
            raise invalid(f"{key}: the emulator does not do {what}.")
    if request.get("DataCaptureConfig", {}).get("EnableCapture"):
        raise invalid("DataCaptureConfig.EnableCapture: the emulator captures no data yet.")
    names = [variant["VariantName"] for variant in request["ProductionVariants"]]
    if len(names) != len(set(names)):
        raise invalid(f"ProductionVariants: the names must differ, and are {names}.")
    for variant in request["ProductionVariants"]:
        if "ServerlessConfig" in variant:
            raise invalid(
                f"ProductionVariants ({variant['VariantName']}): the emulator has no serverless "
                "endpoints; give InstanceType and InitialInstanceCount in place of "
                "ServerlessConfig."
            )
        if "ModelName" not in variant:
            raise invalid(f"ProductionVariants ({variant['VariantName']}): ModelName is missing.")
        context.call("DescribeModel", ModelName=variant["ModelName"])
    arn = context.arn(KIND, name)
    kept = {key: value for key, value in request.items() if key != "Tags"}
    document = kept | {"EndpointConfigArn": arn, "CreationTime": time.time()}
    with context.store.transaction():
        if not context.store.create(KIND, name, document):
            raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
        context.tag(arn, request.get("Tags"))
    return {"EndpointConfigArn": arn}


@operation("DescribeEndpointConfig")
def describe_endpoint_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The configuration as it was created."""
    return get(context, request["EndpointConfigName"])


@operation("ListEndpointConfigs")
def list_endpoint_configs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Configurations by name part and creation time."""
    configs = context.store.list(KIND)
    sort = {"Name": "EndpointConfigName"}
    return page(request, configs, "EndpointConfigs", name="EndpointConfigName", sort=sort)


@operation("DeleteEndpointConfig")
def delete_endpoint_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a configuration; an endpoint that runs by it keeps running."""
    document = get(context, request["EndpointConfigName"])
    context.store.delete(KIND, document["EndpointConfigName"])
    context.store.delete("tags", document["EndpointConfigArn"])
    return {}


def get(context: Context, name: str) -> dict[str, Any]:
    """A configuration's document.

    Raises:
        ApiError: there is none of that name.
    """
    document = context.store.get(KIND, name)
    if document is None:
        raise invalid(f'Could not find endpoint configuration "{context.arn(KIND, name)}".')
    return document
