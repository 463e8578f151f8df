"""The List operations' common part: filters, order and pages."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sagemaker_emulator.errors import invalid

_Item = TypeVar("_Item")


def page(
    request: Mapping[str, Any],
    documents: Sequence[Mapping[str, Any]],
    member: str,
    title: str,
    *,
    default_order: str = "Descending",
    default_size: int = 10,
) -> dict[str, object]:
    """The response to a List request from all documents of a kind, as SageMaker gives it.

    Args:
        request: Its NameContains, StatusEquals, CreationTime/LastModifiedTime bounds, SortBy,
            SortOrder, MaxResults and NextToken are applied where present.
        documents: In the order of their creation.
        member: The output's list, such as `Models`.
        title: The beginning of the documents' keys for name and status: `Endpoint` for
            `EndpointName` and `EndpointStatus`. Other values of SortBy are keys themselves.
        default_order: Where the request has no SortOrder.
        default_size: Where the request has no MaxResults.

    Raises:
        ApiError: The NextToken is not one that `cut` returned.
    """
    kept = [item for item in documents if _matches(request, item, title)]
    by = request.get("SortBy", "CreationTime")
    key = f"{title}{by}" if by in ("Name", "Status") else by
    kept.sort(key=lambda item: item.get(key) or 0)
    if request.get("SortOrder", default_order) == "Descending":
        kept.reverse()
    items, token = cut(kept, request.get("NextToken"), request.get("MaxResults", default_size))
    return {member: items, "NextToken": token}


def cut(items: Sequence[_Item], token: str | None, size: int) -> tuple[Sequence[_Item], str | None]:
    """The page of a token, and the token of the next page; None after the last.

    Raises:
        ApiError: The token is not one that this returned.
    """
    start = offset_of(token)
    end = start + size
    return items[start:end], token_of(end) if end < len(items) else None


def token_of(offset: int) -> str:
    """An opaque NextToken."""
    return base64.urlsafe_b64encode(json.dumps(offset).encode()).decode()


def offset_of(token: str | None) -> int:
    """The offset in a NextToken; 0 without one.

    Raises:
        ApiError: It is not one that this server returned.
    """
    if not token:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token)))
    except (ValueError, TypeError, binascii.Error):
        raise invalid(f"NextToken '{token}' is not one that this server returned") from None


_BOUNDS = {
    "CreationTimeAfter": ("CreationTime", 1),
    "CreationTimeBefore": ("CreationTime", -1),
    "CreatedAfter": ("CreationTime", 1),
    "CreatedBefore": ("CreationTime", -1),
    "LastModifiedTimeAfter": ("LastModifiedTime", 1),
    "LastModifiedTimeBefore": ("LastModifiedTime", -1),
}


def _matches(request: Mapping[str, Any], item: Mapping[str, Any], title: str) -> bool:
    if request.get("NameContains", "").lower() not in item.get(f"{title}Name", "").lower():
        return False
    if "StatusEquals" in request and item.get(f"{title}Status") != request["StatusEquals"]:
        return False
    return all(
        (item.get(key, 0) - request[bound]) * sign >= 0
        for bound, (key, sign) in _BOUNDS.items()
        if bound in request
    )
