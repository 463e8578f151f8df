"""A Lambda function as it is kept: the document of each of its versions.

`$LATEST` has the kind FUNCTION and the function's name. A published version is a copy of it that
never changes, of the kind VERSION and the name `NAME:1`. An alias, of the kind ALIAS and the name
`NAME:ALIAS`, leads to one of them.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.storage.store import Document

FUNCTION = "function"
VERSION = "function-version"
ALIAS = "function-alias"
LATEST = "$LATEST"


@dataclass(frozen=True)
class Name:
    """A function's name and, where the request has one, the qualifier.

    It is `$LATEST`, the number of a version, or an alias.
    """

    function: str
    qualifier: str | None = None


def name_in(identifier: str) -> str:
    """The name in a function ARN, partial ARN or name, with or without a qualifier."""
    return (identifier.partition(":function:")[2] or identifier).partition(":")[0]


def named(context: Context, request: Mapping[str, Any]) -> Name:
    """The function that a request names by its FunctionName and Qualifier.

    Raises:
        ApiError: An ARN of another region or account, or one of another qualifier.
    """
    identifier: str = request["FunctionName"]
    if identifier.startswith("arn:"):
        region, account = identifier.split(":")[3:5]
        if region and region != context.region:
            message = f"Functions from '{region}' are not reachable in this region"
            raise missing(f"{message} ('{context.region}')")
        if account and account != context.account:
            raise ApiError("AccessDeniedException", f"There is no account {account} here.", 403)
    rest = identifier.partition(":function:")[2] or identifier
    name, _, derived = rest.partition(":")
    qualifier = request.get("Qualifier")
    if qualifier and derived and qualifier != derived:
        raise invalid_value(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return Name(name, qualifier or derived or None)


def get(context: Context, identifier: str) -> Document:
    """The document of the version that a name or ARN is of; without qualifier, of `$LATEST`.

    Raises:
        ApiError: There is no such function or version.
    """
    return get_version(context, named(context, {"FunctionName": identifier}))


def get_version(context: Context, name: Name) -> Document:
    """The document of a version, under the ARN and with the policy of the alias that names it.

    Args:
        context: the server.
        name: without qualifier, it is `$LATEST`.

    Raises:
        ApiError: There is no such function or version.
    """
    if name.qualifier in (None, LATEST):
        function = context.store.get(FUNCTION, name.function)
    else:
        function = context.store.get(VERSION, f"{name.function}:{name.qualifier}")
        alias = context.store.get(ALIAS, f"{name.function}:{name.qualifier}")
        if alias is not None:
            function = get_version(context, Name(name.function, alias["FunctionVersion"]))
            function |= {"FunctionArn": alias["AliasArn"], "Statements": alias["Statements"]}
    if function is None:
        raise missing(f"Function not found: {function_arn(context, name.function, name.qualifier)}")
    if name.qualifier == LATEST:
        function["FunctionArn"] += f":{LATEST}"
    return function


def function_arn(context: Context, name: str, qualifier: str | None = None) -> str:
    """The ARN of a function, or of one of its versions."""
    arn = f"arn:aws:lambda:{context.region}:{context.account}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


def check_revision(request: Mapping[str, Any], function: Document, caller: str) -> None:
    """Refuse a request whose RevisionId is not the function's.

    Args:
        request: may have a RevisionId.
        function: its document.
        caller: the operation that returns the right one, for the message.

    Raises:
        ApiError: `PreconditionFailedException`.
    """
    if request.get("RevisionId") not in (None, "", function["RevisionId"]):
        raise ApiError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. "
            f"Call the {caller} API to retrieve the latest Revision Id",
            412,
        )


def modified(fields: Document) -> Document:
    """Fields to change in a function's document, with what every change of it changes, too."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
    fields |= {"LastModified": when, "RevisionId": str(uuid.uuid4())}
    return fields | {"LastUpdateStatus": "Successful"}


def invalid_value(message: str) -> ApiError:
    """Lambda's error for a wrong request."""
    return ApiError("InvalidParameterValueException", message)


def missing(message: str) -> ApiError:
    """Lambda's error for what is not there."""
    return ApiError("ResourceNotFoundException", message, 404)
