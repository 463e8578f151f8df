"""The pages of EventBridge's lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker_emulator.aws.pages import cut, scope_of
from sagemaker_emulator.storage.store import Document


def page(
    name: str, request: Mapping[str, Any], member: str, items: Sequence[Document], key: str
) -> dict[str, Any]:
    """The response to a list.

    Args:
        name: of the operation.
        request: its NextToken and Limit are applied.
        member: of the response, that has the items.
        items: all of them, in any order.
        key: the member that they are sorted by.

    Raises:
        ApiError: The token is none of this list.
    """
    shown, token = cut(
        sorted(items, key=lambda item: str(item[key])),
        request.get("NextToken"),
        request.get("Limit", 100),
        scope=scope_of(name, request),
        place=lambda item: (None, str(item[key])),
    )
    return {member: shown, "NextToken": token}
