"""Lambda: who may invoke a function."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions.function import (
    ALIAS,
    FUNCTION,
    LATEST,
    VERSION,
    Name,
    check_revision,
    function_arn,
    get,
    get_version,
    invalid_value,
    missing,
    modified,
    named,
)
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

# A member of AddPermission, and the condition that it becomes: operator and key.
_CONDITIONS = {
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
}
_OF_POLICY = "GetPolicy"


@operation(
    "AddPermission",
    "lambda",
    honours=(
        *("FunctionName", "StatementId", "Action", "Principal", "Qualifier", "RevisionId"),
        *_CONDITIONS,
    ),
)
def add_permission(context: Context, request: types.AddPermissionRequestTypeDef) -> Response:
    """Let a principal, such as events.amazonaws.com, invoke a function, a version or an alias."""
    name = named(context, request)
    if name.qualifier == LATEST:
        raise invalid_value("We currently do not support adding policies for $LATEST.")
    sid = request["StatementId"]
    statement: Document = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": as_principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": function_arn(context, name.function, name.qualifier),
    }
    conditions: Document = {}
    for member, (operator, key) in _CONDITIONS.items():
        if member in request:
            conditions.setdefault(operator, {})[key] = request.get(member)
    if conditions:
        statement["Condition"] = conditions
    with context.store.transaction():
        function = _owner(context, name)
        check_revision(request, function, _OF_POLICY)
        if any(each["Sid"] == sid for each in function["Statements"]):
            raise duplicate_statement(sid)
        _keep(context, name, [*function["Statements"], statement])
    return {"Statement": json.dumps(statement)}


@operation(
    "RemovePermission", "lambda", honours=("FunctionName", "StatementId", "Qualifier", "RevisionId")
)
def remove_permission(context: Context, request: types.RemovePermissionRequestTypeDef) -> Response:
    """Remove a permission."""
    name = named(context, request)
    with context.store.transaction():
        function = _owner(context, name)
        if not function["Statements"]:
            raise missing("No policy is associated with the given resource.")
        kept = [each for each in function["Statements"] if each["Sid"] != request["StatementId"]]
        if len(kept) == len(function["Statements"]):
            raise missing(f"Statement {request['StatementId']} is not found in resource policy.")
        check_revision(request, function, _OF_POLICY)
        _keep(context, name, kept)
    return {}


@operation("GetPolicy", "lambda", honours=("FunctionName", "Qualifier"))
def get_policy(context: Context, request: types.GetPolicyRequestTypeDef) -> Response:
    """Who may invoke a function, a version or an alias of it."""
    function = _owner(context, named(context, request))
    if not function["Statements"]:
        raise missing("The resource you requested does not exist.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": function["Statements"]}
    return {"Policy": json.dumps(policy), "RevisionId": function["RevisionId"]}


def permits(context: Context, name: str, principal: str, source: str) -> bool:
    """Whether a function's policy lets a service invoke it on behalf of a resource.

    The source is of this account. A condition that cannot be true here makes a statement void.
    """
    return any(
        statement["Principal"] == "*" or statement["Principal"].get("Service") == principal
        for statement in get(context, name)["Statements"]
        if statement["Action"] in ("lambda:InvokeFunction", "lambda:*", "*")
        and holds(statement.get("Condition", {}), context.account, source)
    )


def holds(conditions: Any, account: str, source: str) -> bool:
    """Whether all conditions of a statement hold for a service that acts for a resource."""
    for operator, keys in conditions.items():
        for key, expected in keys.items():
            if (operator, key) == ("ArnLike", "AWS:SourceArn"):
                if not fnmatchcase(source, expected.replace("[", "[[]")):
                    return False
            elif (operator, key) != ("StringEquals", "AWS:SourceAccount") or expected != account:
                return False
    return True


def _owner(context: Context, name: Name) -> Document:
    """The document that has a policy: of the alias or version that the request names.

    Raises:
        ApiError: There is no such function, version or alias.
    """
    function = get_version(context, name)
    return context.store.get(ALIAS, f"{name.function}:{name.qualifier}") or function


def duplicate_statement(sid: str) -> ApiError:
    """The refusal of a statement whose id another has."""
    message = (
        f"The statement id ({sid}) provided already exists. Please provide a new "
        "statement id, or remove the existing statement."
    )
    return ApiError("ResourceConflictException", message, 409)


def as_principal(principal: str) -> str | dict[str, str]:
    """A principal as a policy names it.

    Raises:
        ApiError: It is no service, account, ARN or `*`.
    """
    if principal.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return {"Service": principal}
    if re.fullmatch(r"\d{12}", principal):
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if re.match(r"arn:aws[a-z-]*:(iam|sts):", principal):
        return {"AWS": principal}
    if principal == "*":
        return "*"
    raise invalid_value(
        "The provided principal was invalid. Please check the principal and try again."
    )


def _keep(context: Context, name: Name, statements: list[Document]) -> None:
    fields: Document = {"Statements": statements, "RevisionId": modified({})["RevisionId"]}
    if name.qualifier is None:
        context.store.update(FUNCTION, name.function, **fields)
    else:
        kind = VERSION if name.qualifier.isdigit() else ALIAS
        context.store.update(kind, f"{name.function}:{name.qualifier}", **fields)
