"""Lambda: the published versions of functions, which never change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.page_tokens import Place
from sagemaker_emulator.services.functions.configuration import with_defaults
from sagemaker_emulator.services.functions.function import (
    FUNCTION,
    LATEST,
    VERSION,
    Name,
    check_revision,
    function_arn,
    get_version,
    invalid_value,
    modified,
    named,
)
from sagemaker_emulator.services.functions.pages import page
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

# What may differ between two versions whose code and configuration are the same.
_OWN = ("Version", "FunctionArn", "LastModified", "RevisionId", "Statements", "Tags", "LastVersion")


@operation(
    "PublishVersion",
    "lambda",
    honours=("FunctionName", "CodeSha256", "Description", "RevisionId"),
)
def publish_version(context: Context, request: types.PublishVersionRequestTypeDef) -> Response:
    """Keep `$LATEST` as it is now under the next number."""
    name = named(context, request).function
    with context.store.transaction():
        function = get_version(context, Name(name))
        check_revision(request, function, "GetFunction/GetAlias")
        sha = request.get("CodeSha256")
        if sha and sha != function["CodeSha256"]:
            raise invalid_value(
                f"CodeSHA256 ({sha}) is different from current CodeSHA256 in $LATEST "
                f"({function['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
            )
        return publish(context, name, request.get("Description"))


@operation("ListVersionsByFunction", "lambda", honours=("FunctionName", "Marker", "MaxItems"))
def list_versions(
    context: Context, request: types.ListVersionsByFunctionRequestTypeDef
) -> Response:
    """`$LATEST` and the published versions, in the order of their numbers."""
    name = named(context, request).function
    latest = get_version(context, Name(name))
    latest["FunctionArn"] += f":{LATEST}"
    versions = [with_defaults(latest), *published(context, name)]
    return listed("ListVersionsByFunction", request, "Versions", versions)


def published(context: Context, name: str) -> list[Document]:
    """The published versions of a function, in the order of their numbers."""
    versions = context.store.list(VERSION, f"{name}:")
    return sorted(versions, key=lambda version: int(version["Version"]))


def publish(context: Context, name: str, description: str | None = None) -> Document:
    """Keep `$LATEST` under the next number; the last one if nothing changed since.

    Must be called in a transaction.
    """
    function = with_defaults(context.store.get(FUNCTION, name) or {})
    content = _hash(function)
    last = context.store.get(VERSION, f"{name}:{function.get('LastVersion')}")
    if last is not None and last["Content"] == content:
        return last
    number = int(function.get("LastVersion", 0)) + 1
    version = modified(
        {
            **function,
            "Version": str(number),
            "FunctionArn": function_arn(context, name, str(number)),
            "Description": function["Description"] if description is None else description,
            "Statements": [],
            "Content": content,
        }
    )
    if version["SnapStart"]["ApplyOn"] == "PublishedVersions":
        version["SnapStart"]["OptimizationStatus"] = "On"
    context.store.put(VERSION, f"{name}:{number}", version)
    context.store.update(FUNCTION, name, LastVersion=number)
    return version


def listed(
    operation: str, request: Mapping[str, Any], member: str, versions: list[Document]
) -> Response:
    """The response to a list of versions: by name and number, without what is of their state."""
    shown, token = page(operation, request, versions, _place)
    hidden = ("State", "LastUpdateStatus")
    summaries = [{k: v for k, v in each.items() if k not in hidden} for each in shown]
    return {member: summaries, "NextMarker": token}


def _place(version: Document) -> Place:
    number = version["Version"]
    return version["FunctionName"], 0 if number == LATEST else int(number)


def _hash(function: Document) -> str:
    """Of what a version is a copy of."""
    kept = {key: value for key, value in function.items() if key not in _OWN}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
