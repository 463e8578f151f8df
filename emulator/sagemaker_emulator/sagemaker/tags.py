"""Tags of every SageMaker resource, kept by ARN."""

from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation, peer
from sagemaker_emulator.errors import ApiError, invalid

_LIMIT = 50


@peer("tag")
def add(context: Context, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Merge tags into a resource's; a key that is there gets the new value.

    Raises:
        ApiError: The resource would have more than 50.
    """
    if not tags:
        return of(context, arn)
    with context.store.transaction():
        merged = {tag["Key"]: tag["Value"] for tag in of(context, arn) + tags}
        if len(merged) > _LIMIT:
            raise ApiError("ResourceLimitExceeded", f"{arn} would have more than {_LIMIT} tags")
        result = [{"Key": key, "Value": value} for key, value in merged.items()]
        context.store.put("tags", arn, {"Arn": arn, "Tags": result})
    return result


def of(context: Context, arn: str) -> list[dict[str, str]]:
    """The tags of a resource."""
    return (context.store.get("tags", arn) or {"Tags": []})["Tags"]


@operation("AddTags")
def add_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Tag a resource."""
    return {"Tags": add(context, _own(context, request["ResourceArn"]), request["Tags"])}


@operation("ListTags")
def list_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of a resource."""
    return {"Tags": of(context, _own(context, request["ResourceArn"]))}


@operation("DeleteTags")
def delete_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key; a key that is not there is no error."""
    arn = _own(context, request["ResourceArn"])
    kept = [tag for tag in of(context, arn) if tag["Key"] not in request["TagKeys"]]
    context.store.put("tags", arn, {"Arn": arn, "Tags": kept})
    return {}


def _own(context: Context, arn: str) -> str:
    prefix = f"arn:aws:sagemaker:{context.region}:{context.account}:"
    if not arn.startswith(prefix):
        raise invalid(f"{arn} is not a SageMaker resource of this account; it must begin {prefix}")
    # A kind of document is named as its ARNs are; an execution's ARN extends its pipeline's.
    kind, _, name = arn.removeprefix(prefix).partition("/")
    name = name.partition("/execution/")[0]
    if context.store.get(kind, name) is None:
        raise invalid(f"{arn} does not exist, so it has no tags")
    return arn
