"""The pages of Lambda's lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sagemaker_emulator.aws.page_tokens import Place
from sagemaker_emulator.aws.pages import cut, scope_of
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions.function import invalid_value
from sagemaker_emulator.storage.store import Document


def page(
    name: str,
    request: Mapping[str, Any],
    items: Iterable[Document],
    place: Callable[[Document], Place],
    *,
    most: int = 50,
    descending: bool = False,
) -> tuple[Sequence[Document], str | None]:
    """The page of a list that a request is for, and the marker of the next one.

    Args:
        name: of the operation.
        request: its Marker and MaxItems are applied.
        items: all of them, in any order.
        place: returns where an item stands.
        most: items of a page where the request has no MaxItems.
        descending: whether the greatest place comes first.

    Raises:
        ApiError: The marker is none of this list.
    """
    try:
        return cut(
            sorted(items, key=place, reverse=descending),
            request.get("Marker"),
            request.get("MaxItems", most),
            scope=scope_of(name, request),
            place=place,
            descending=descending,
        )
    except ApiError:  # Lambda has no ValidationException for it
        raise invalid_value("Invalid Marker") from None
