"""Tags: their keys, their number, and their two forms, whatever the service."""

from collections.abc import Iterable, Mapping
from typing import Any

from sagemaker_emulator.errors import ApiError

MOST = 50  # of a resource


def check_keys(keys: Iterable[str], code: str) -> None:
    """Refuse a key that only AWS may set: one that begins with `aws:`.

    Args:
        keys: of the tags of a request.
        code: the service's error for a wrong request.

    Raises:
        ApiError: There is one.
    """
    if reserved := [key for key in keys if key.lower().startswith("aws:")]:
        raise ApiError(code, f"Tag key {reserved[0]!r} is not allowed: aws: is reserved for AWS.")


def by_key(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Tags as most services have them, each a Key and a Value, as their values by their keys."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most services have them, in the order of their keys."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def merged(
    tags: Mapping[str, str], added: Mapping[str, str], code: str, resource: str
) -> dict[str, str]:
    """A resource's tags with others added, or replaced by their keys.

    Args:
        tags: those that it has.
        added: those of a request.
        code: the service's error for too many.
        resource: what has them, for the message: `A rule`.

    Raises:
        ApiError: They are too many.
    """
    result = {**tags, **added}
    if len(result) > MOST:
        raise ApiError(code, f"{resource} has at most {MOST} tags.")
    return result
