"""Resource policies of model package groups: which other accounts may read and deploy versions.

They are kept and returned. No other account can call this emulator, so none is ever admitted by
one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.registry.groups import get

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

KIND = "model-package-group-policy"


@operation("PutModelPackageGroupPolicy", honours=paths("ModelPackageGroupName ResourcePolicy"))
def put_policy(context: Context, request: types.PutModelPackageGroupPolicyInputTypeDef) -> Response:
    """Keep a group's policy, in place of a former one."""
    text = request["ResourcePolicy"]
    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or not policy.get("Statement"):
        raise invalid("ResourcePolicy is not a JSON policy document with a Statement.")
    with context.store.transaction():
        group = get(context, request["ModelPackageGroupName"])
        context.store.put(KIND, group["ModelPackageGroupName"], {"ResourcePolicy": text})
    return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}


@operation("GetModelPackageGroupPolicy", honours=paths("ModelPackageGroupName"))
def get_policy(context: Context, request: types.GetModelPackageGroupPolicyInputTypeDef) -> Response:
    """The policy of a group, as it was put."""
    group = get(context, request["ModelPackageGroupName"])
    document = context.store.get(KIND, group["ModelPackageGroupName"])
    if document is None:
        raise invalid(f"Cannot find a resource policy of {group['ModelPackageGroupArn']}.")
    return document


@operation("DeleteModelPackageGroupPolicy", honours=paths("ModelPackageGroupName"))
def delete_policy(
    context: Context, request: types.DeleteModelPackageGroupPolicyInputTypeDef
) -> Response:
    """Forget a group's policy."""
    group = get(context, request["ModelPackageGroupName"])
    context.store.delete(KIND, group["ModelPackageGroupName"])
    return {}
