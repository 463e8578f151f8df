"""Endpoint configurations: which models an endpoint serves, and in what shares."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import CREATED, Stored, page
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.defaults import ENDPOINT_CONFIG, fill
from sagemaker_emulator.sagemaker.endpoints import (
    async_config,
    capture,
    serverless,
    status_events,
    variants,
)
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

KIND = "endpoint-config"
_VARIANT = """
    VariantName ModelName InitialInstanceCount InitialVariantWeight
    ContainerStartupHealthCheckTimeoutInSeconds RoutingConfig{RoutingStrategy}
"""
_VARIANT_KEPT = """
    InstanceType AcceleratorType VolumeSizeInGB ModelDataDownloadTimeoutInSeconds
    EnableSSMAccess InferenceAmiVersion CapacityReservationConfig
"""
_HONOURED = f"""
    EndpointConfigName Tags ExplainerConfig {async_config.HONOURED}
    DataCaptureConfig{{
        EnableCapture InitialSamplingPercentage DestinationS3Uri CaptureOptions{{CaptureMode}}
        CaptureContentTypeHeader{{CsvContentTypes JsonContentTypes}}
    }}
    ProductionVariants{{
        {_VARIANT} ServerlessConfig{{MemorySizeInMB MaxConcurrency ProvisionedConcurrency}}
    }}
    ShadowProductionVariants{{ {_VARIANT} ServerlessConfig }}
"""
_KEPT = f"""
    KmsKeyId ExecutionRoleArn VpcConfig EnableNetworkIsolation DataCaptureConfig{{KmsKeyId}}
    ProductionVariants{{ {_VARIANT_KEPT} }} ShadowProductionVariants{{ {_VARIANT_KEPT} }}
    {async_config.KEPT}
"""


@operation("CreateEndpointConfig", honours=paths(_HONOURED), keeps=paths(_KEPT))
def create_config(context: Context, request: types.CreateEndpointConfigInputTypeDef) -> Response:
    """Create a configuration whose models exist."""
    name = request["EndpointConfigName"]
    if request.get("ExplainerConfig"):
        raise invalid("ExplainerConfig: the emulator does not do explanations.")
    if "DataCaptureConfig" in request:
        capture.check(request["DataCaptureConfig"])
    variants.check(request)
    serverless.check(request)
    async_config.check(request)
    for variant in variants.all_of(request):
        model = context.call("DescribeModel", ModelName=variant["ModelName"])
        serverless.check_model(context, variant, model)
    arn = context.arn(KIND, name)
    kept = {key: value for key, value in request.items() if key != "Tags"}
    document = kept | {"EndpointConfigArn": arn, "CreationTime": time.time()}
    with context.store.transaction():
        if not context.store.create(KIND, name, document):
            raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
        tags.add(context, arn, request.get("Tags"))
    status_events.emit_config(context, document)
    return {"EndpointConfigArn": arn}


@operation("DescribeEndpointConfig", honours=paths("EndpointConfigName"))
def describe_config(
    context: Context, request: types.DescribeEndpointConfigInputTypeDef
) -> Response:
    """The configuration as it was created."""
    return fill(get(context, request["EndpointConfigName"]), ENDPOINT_CONFIG)


@operation("ListEndpointConfigs", honours=paths(CREATED))
def list_configs(context: Context, request: types.ListEndpointConfigsInputTypeDef) -> Response:
    """Configurations by name part and creation time."""
    return page(
        "ListEndpointConfigs",
        request,
        Stored(context.store, KIND, name_holds=request.get("NameContains", "")),
        "EndpointConfigs",
        "EndpointConfig",
    )


@operation("DeleteEndpointConfig", honours=paths("EndpointConfigName"))
def delete_config(context: Context, request: types.DeleteEndpointConfigInputTypeDef) -> Response:
    """Forget a configuration; an endpoint that uses it keeps running."""
    with context.store.transaction():
        document = get(context, request["EndpointConfigName"])
        status_events.emit_config(context, document)
        context.store.delete(KIND, document["EndpointConfigName"])
        context.store.delete("tags", document["EndpointConfigArn"])
    return {}


def get(context: Context, name: str) -> Document:
    """A configuration's document.

    Raises:
        ApiError: there is none of that name.
    """
    document = context.store.get(KIND, name)
    if document is None:
        raise invalid(f'Could not find endpoint configuration "{context.arn(KIND, name)}".')
    return document
