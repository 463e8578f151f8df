"""Lambda: who else may use a layer's version; kept and returned, as no other account calls.

Contract: `test_layer_policy_lifecycle` and `test_layer_policy_exceptions`, recorded on AWS in
github.com/localstack/localstack, tests/aws/services/lambda_/test_lambda_api.snapshot.json.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import layers
from sagemaker_emulator.services.functions.function import check_revision, missing
from sagemaker_emulator.services.functions.policy import as_principal, duplicate_statement
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

_OF_POLICY = "GetLayerPolicy"  # as AWS's text has it


@operation(
    "AddLayerVersionPermission",
    "lambda",
    honours=(
        *("LayerName", "VersionNumber", "StatementId", "Action", "Principal"),
        *("OrganizationId", "RevisionId"),
    ),
)
def add_layer_permission(
    context: Context, request: types.AddLayerVersionPermissionRequestTypeDef
) -> Response:
    """Let an account, an organization or everybody use a layer's version."""
    with context.store.transaction():
        version = layers.get_version(context, request["LayerName"], request["VersionNumber"])
        policy = _policy(version)
        check_revision(request, policy, _OF_POLICY)
        sid = request["StatementId"]
        if any(each["Sid"] == sid for each in policy["Statements"]):
            raise duplicate_statement(sid)
        statement: Document = {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": as_principal(request["Principal"]),
            "Action": request["Action"],
            "Resource": version["LayerVersionArn"],
        }
        if "OrganizationId" in request:
            organization = {"aws:PrincipalOrgID": request["OrganizationId"]}
            statement["Condition"] = {"StringEquals": organization}
        revision = _keep(context, version, [*policy["Statements"], statement])
    return {"Statement": json.dumps(statement), "RevisionId": revision}


@operation("GetLayerVersionPolicy", "lambda", honours=("LayerName", "VersionNumber"))
def get_layer_policy(
    context: Context, request: types.GetLayerVersionPolicyRequestTypeDef
) -> Response:
    """Who else may use a layer's version."""
    version = layers.get_version(context, request["LayerName"], request["VersionNumber"])
    policy = _policy(version)
    if not policy["Statements"]:
        raise _no_policy()
    document = {"Version": "2012-10-17", "Id": "default", "Statement": policy["Statements"]}
    return {"Policy": json.dumps(document), "RevisionId": policy["RevisionId"]}


@operation(
    "RemoveLayerVersionPermission",
    "lambda",
    honours=("LayerName", "VersionNumber", "StatementId", "RevisionId"),
)
def remove_layer_permission(
    context: Context, request: types.RemoveLayerVersionPermissionRequestTypeDef
) -> Response:
    """Remove a permission."""
    with context.store.transaction():
        version = layers.get_version(context, request["LayerName"], request["VersionNumber"])
        policy = _policy(version)
        if not policy["Statements"]:
            raise _no_policy()
        check_revision(request, policy, _OF_POLICY)
        sid = request["StatementId"]
        kept = [each for each in policy["Statements"] if each["Sid"] != sid]
        if len(kept) == len(policy["Statements"]):
            raise missing(f"Statement {sid} is not found in resource policy.")
        _keep(context, version, kept)
    return {}


def _no_policy() -> ApiError:
    return missing("No policy is associated with the given resource.")


def _policy(version: Document) -> Document:
    return version.get("Policy") or {"Statements": [], "RevisionId": ""}


def _keep(context: Context, version: Document, statements: list[Document]) -> str:
    """Write the statements of a version's policy, and return its new RevisionId."""
    revision = str(uuid.uuid4())
    layers.keep_policy(context, version, {"Statements": statements, "RevisionId": revision})
    return revision
