"""Lambda: who may invoke a function."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions.function import FUNCTION, get, missing
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types


@operation("AddPermission", "lambda")
def add_permission(context: Context, request: types.AddPermissionRequestTypeDef) -> Response:
    """Let a principal, such as events.amazonaws.com, invoke a function."""
    function = get(context, request["FunctionName"])
    sid, principal = request["StatementId"], request["Principal"]
    statement: Document = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": principal} if "." in principal else {"AWS": principal},
        "Action": request["Action"],
        "Resource": function["FunctionArn"],
    }
    if "SourceArn" in request:
        statement["Condition"] = {"ArnLike": {"AWS:SourceArn": request["SourceArn"]}}
    with context.store.transaction():
        statements = get(context, request["FunctionName"])["Statements"]
        if any(each["Sid"] == sid for each in statements):
            message = f"The statement id ({sid}) provided already exists."
            raise ApiError("ResourceConflictException", message, 409)
        statements.append(statement)
        context.store.update(FUNCTION, function["FunctionName"], Statements=statements)
    return {"Statement": json.dumps(statement)}


@operation("RemovePermission", "lambda")
def remove_permission(context: Context, request: types.RemovePermissionRequestTypeDef) -> Response:
    """Remove a permission."""
    with context.store.transaction():
        function = get(context, request["FunctionName"])
        kept = [each for each in function["Statements"] if each["Sid"] != request["StatementId"]]
        if len(kept) == len(function["Statements"]):
            raise missing(f"Statement {request['StatementId']} is not found in resource policy.")
        context.store.update(FUNCTION, function["FunctionName"], Statements=kept)
    return {}


@operation("GetPolicy", "lambda")
def get_policy(context: Context, request: types.GetPolicyRequestTypeDef) -> Response:
    """Who may invoke a function."""
    function = get(context, request["FunctionName"])
    if not function["Statements"]:
        raise missing("The resource you requested does not exist.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": function["Statements"]}
    return {"Policy": json.dumps(policy), "RevisionId": function["RevisionId"]}


def permits(context: Context, name: str, principal: str, source: str) -> bool:
    """Whether a function's policy lets a service invoke it on behalf of a resource."""
    for statement in get(context, name)["Statements"]:
        condition = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
        if statement["Principal"].get("Service") == principal and fnmatchcase(source, condition):
            return True
    return False
