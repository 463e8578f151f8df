"""Lambda: the aliases of functions, names that lead to one version or, by weights, to two."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions.function import (
    ALIAS,
    LATEST,
    Name,
    check_revision,
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

_SETTINGS = ("FunctionVersion", "Description", "RoutingConfig")


@operation("CreateAlias", "lambda", honours=("FunctionName", "Name", *_SETTINGS))
def create_alias(context: Context, request: types.CreateAliasRequestTypeDef) -> Response:
    """Make an alias of a version."""
    function, name = named(context, request).function, request["Name"]
    arn = function_arn(context, function, name)
    with context.store.transaction():
        get_version(context, Name(function))
        alias: Document = {
            "AliasArn": arn,
            "Name": name,
            "Description": "",
            "Statements": [],
            **_settings(context, function, request, {}),
        }
        if not context.store.create(ALIAS, _key(function, name), alias):
            raise ApiError("ResourceConflictException", f"Alias already exists: {arn}", 409)
    return alias


@operation("GetAlias", "lambda", honours=("FunctionName", "Name"))
def get_alias(context: Context, request: types.GetAliasRequestTypeDef) -> Response:
    """The version that an alias leads to."""
    return _get(context, named(context, request).function, request["Name"])


@operation("UpdateAlias", "lambda", honours=("FunctionName", "Name", "RevisionId", *_SETTINGS))
def update_alias(context: Context, request: types.UpdateAliasRequestTypeDef) -> Response:
    """Have an alias lead to another version, or share its invocations with another one."""
    function = named(context, request).function
    with context.store.transaction():
        alias = _get(context, function, request["Name"])
        check_revision(request, alias, "GetFunction/GetAlias")
        changes = _settings(context, function, request, alias)
        return context.store.update(ALIAS, _key(function, request["Name"]), **changes)


@operation("DeleteAlias", "lambda", honours=("FunctionName", "Name"))
def delete_alias(context: Context, request: types.DeleteAliasRequestTypeDef) -> Response:
    """Delete an alias; as on AWS, there need be none."""
    function = named(context, request).function
    get_version(context, Name(function))
    context.store.delete(ALIAS, _key(function, request["Name"]))
    return {}


@operation(
    "ListAliases", "lambda", honours=("FunctionName", "FunctionVersion", "Marker", "MaxItems")
)
def list_aliases(context: Context, request: types.ListAliasesRequestTypeDef) -> Response:
    """The aliases of a function, or those that lead to one version, by name."""
    function = named(context, request).function
    get_version(context, Name(function))
    version = request.get("FunctionVersion")
    aliases = [
        each for each in of_function(context, function) if not version or _leads(each, version)
    ]
    shown, marker = page("ListAliases", request, aliases, lambda alias: (None, alias["Name"]))
    return {"Aliases": shown, "NextMarker": marker}


def of_function(context: Context, function: str) -> list[Document]:
    """The aliases of a function, in the order of their creation."""
    return context.store.list(ALIAS, f"{function}:")


def check_unused(context: Context, function: str, version: str) -> None:
    """Refuse the deletion of a version that an alias leads to.

    Raises:
        ApiError: `ResourceConflictException`, with the aliases.
    """
    names = [str(each["Name"]) for each in of_function(context, function) if _leads(each, version)]
    if names:
        message = (
            f"Version {version} of {function} is referenced by the alias {', '.join(names)}. "
            "Have it lead to another version, or delete it, first."
        )
        raise ApiError("ResourceConflictException", message, 409)


def to_run(context: Context, name: Name) -> Document:
    """The document of the version that an invocation runs: an alias with weights draws one.

    Raises:
        ApiError: There is no such function, version or alias.
    """
    function = get_version(context, name)
    alias = context.store.get(ALIAS, _key(name.function, name.qualifier or ""))
    weights = ((alias or {}).get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})
    for version, weight in weights.items():  # one at most
        if random.random() < weight:
            other = get_version(context, Name(name.function, version))
            return other | {"FunctionArn": function["FunctionArn"]}
    return function


def _settings(
    context: Context, function: str, request: Mapping[str, Any], alias: Document
) -> Document:
    """The members of an alias that a request sets, with a new RevisionId.

    Raises:
        ApiError: There is no such version, or the invocations cannot be shared so.
    """
    settings: Document = {key: request[key] for key in _SETTINGS if key in request}
    merged = {**alias, **settings}
    version = merged["FunctionVersion"]
    get_version(context, Name(function, version))
    weights = (merged.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})
    if len(weights) > 1:
        raise invalid_value("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for other in weights:
        if LATEST in (version, other):
            message = "$LATEST is not supported for an alias pointing to more than 1 version"
            raise invalid_value(message)
        if other == version:
            raise invalid_value(
                f"Invalid function version {other}. Function version {other} is already "
                "included in routing configuration."
            )
        get_version(context, Name(function, other))
    if "RoutingConfig" in settings and not weights:
        settings["RoutingConfig"] = None
    return settings | {"RevisionId": str(uuid.uuid4())}


def _leads(alias: Document, version: str) -> bool:
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})
    return version == alias["FunctionVersion"] or version in weights


def _key(function: str, name: str) -> str:
    return f"{function}:{name}"


def _get(context: Context, function: str, name: str) -> Document:
    get_version(context, Name(function))
    alias = context.store.get(ALIAS, _key(function, name))
    if alias is None:
        raise missing(f"Cannot find alias arn: {function_arn(context, function, name)}")
    return alias
