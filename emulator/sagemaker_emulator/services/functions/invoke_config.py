"""Lambda: how asynchronous invocations of a function are tried again, and where they end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.services import targets
from sagemaker_emulator.services.functions.function import (
    LATEST,
    Name,
    function_arn,
    get_version,
    invalid_value,
    missing,
    named,
)
from sagemaker_emulator.services.functions.pages import page
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

_KIND = "event-invoke-config"
_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
_BY_NAME = ("FunctionName", "Qualifier")
# Lambda's own, where a function sets nothing.
DEFAULT_RETRIES = 2
DEFAULT_AGE = 21_600  # seconds
_DESTINATIONS = ("sqs", "sns", "lambda", "events")


@operation("PutFunctionEventInvokeConfig", "lambda", honours=(*_BY_NAME, *_SETTINGS))
def put_config(
    context: Context, request: types.PutFunctionEventInvokeConfigRequestTypeDef
) -> Response:
    """Set all options; those that the request leaves out get their default."""
    name = _existing(context, request)
    return _keep(context, name, _settings(request))


@operation("UpdateFunctionEventInvokeConfig", "lambda", honours=(*_BY_NAME, *_SETTINGS))
def update_config(
    context: Context, request: types.UpdateFunctionEventInvokeConfigRequestTypeDef
) -> Response:
    """Change the options in the request; the others stay."""
    name = _existing(context, request)
    with context.store.transaction():
        return _keep(context, name, _get(context, name) | _settings(request))


@operation("GetFunctionEventInvokeConfig", "lambda", honours=_BY_NAME)
def get_config(
    context: Context, request: types.GetFunctionEventInvokeConfigRequestTypeDef
) -> Response:
    """The options of a function or of one of its versions."""
    return _get(context, _existing(context, request))


@operation("DeleteFunctionEventInvokeConfig", "lambda", honours=_BY_NAME)
def delete_config(
    context: Context, request: types.DeleteFunctionEventInvokeConfigRequestTypeDef
) -> Response:
    """Return to the defaults."""
    name = _existing(context, request)
    _get(context, name)
    context.store.delete(_KIND, _key(name))
    return {}


@operation(
    "ListFunctionEventInvokeConfigs", "lambda", honours=("FunctionName", "Marker", "MaxItems")
)
def list_configs(
    context: Context, request: types.ListFunctionEventInvokeConfigsRequestTypeDef
) -> Response:
    """The options of a function and of its versions."""
    function = named(context, request).function
    get_version(context, Name(function))
    shown, marker = page(
        "ListFunctionEventInvokeConfigs",
        request,
        context.store.list(_KIND, f"{function}:"),
        lambda item: (None, item["FunctionArn"]),
    )
    return {"FunctionEventInvokeConfigs": shown, "NextMarker": marker}


def of_version(context: Context, name: Name) -> Document:
    """The options that hold for an asynchronous invocation of a version, with the defaults."""
    kept = context.store.get(_KIND, _key(name)) or {}
    defaults = {"MaximumRetryAttempts": DEFAULT_RETRIES, "MaximumEventAgeInSeconds": DEFAULT_AGE}
    return {**defaults, **kept}


def delete_all(context: Context, function: str) -> None:
    """Forget the options of a function that is deleted, and of its versions."""
    for config in context.store.list(_KIND, f"{function}:"):
        context.store.delete(_KIND, config["FunctionArn"].partition(":function:")[2])


def _settings(request: Mapping[str, Any]) -> Document:
    """The options in a request.

    Raises:
        ApiError: It has none, or a destination to which nothing is delivered here.
    """
    settings: Document = {key: request[key] for key in _SETTINGS if key in request}
    if not settings:
        raise invalid_value(
            "You must specify at least one of error handling or destination setting."
        )
    for when in ("OnSuccess", "OnFailure"):
        arn = settings.get("DestinationConfig", {}).get(when, {}).get("Destination")
        if arn and targets.kind_of(arn) not in _DESTINATIONS:
            raise invalid_value(
                f"{when}: the emulator delivers no invocation records to {arn}; it does to SQS "
                "queues, SNS topics, Lambda functions and event buses"
            )
    return settings


def _existing(context: Context, request: Mapping[str, Any]) -> Name:
    """The version that a request names.

    Raises:
        ApiError: There is no such function or version.
    """
    name = named(context, request)
    get_version(context, name)
    return name


def _key(name: Name) -> str:
    return f"{name.function}:{name.qualifier or LATEST}"


def _get(context: Context, name: Name) -> Document:
    config = context.store.get(_KIND, _key(name))
    if config is None:
        arn = function_arn(context, name.function, name.qualifier or LATEST)
        raise missing(f"The function {arn} doesn't have an EventInvokeConfig")
    return config


def _keep(context: Context, name: Name, settings: Document) -> Document:
    arn = function_arn(context, name.function, name.qualifier or LATEST)
    none: Document = {"OnSuccess": {}, "OnFailure": {}}
    destinations = {**none, **settings.get("DestinationConfig", {})}
    config = {
        **settings,
        "DestinationConfig": destinations,
        "FunctionArn": arn,
        "LastModified": time.time(),
    }
    context.store.put(_KIND, _key(name), config)
    return config
