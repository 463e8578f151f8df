"""The stock record of one bin: ABID's metadata file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from preparation.errors import UnusableBinError

# Inches, or items of a kind: a number this large measures nothing in a bin, and JSON allows numbers
# that no float can hold.
IMPLAUSIBLE = 1_000_000


@dataclass(frozen=True)
class Bin:
    """One image of one bin.

    Attributes:
        id: As in the file names; `523` and `00523` are different bins.
        count: The quantity in the stock record (EXPECTED_QUANTITY).
        asins: The kinds of items in it.
        adds_up: Whether the quantities of the items sum to `count`.
        volume: The mean volume of an item in cubic inches, over the items of known size, by
            quantity; None if no size is known.
    """

    id: str
    count: int
    asins: frozenset[str]
    adds_up: bool
    volume: float | None = None


def parse(identity: str, content: bytes) -> Bin:
    """Read a metadata file.

    Raises:
        UnusableBinError: It is not JSON, or has no valid EXPECTED_QUANTITY.
    """
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnusableBinError("malformed-metadata", f"not JSON: {error}") from None
    if not isinstance(document, dict) or "EXPECTED_QUANTITY" not in document:
        raise UnusableBinError("malformed-metadata", "it has no EXPECTED_QUANTITY")
    count = document["EXPECTED_QUANTITY"]
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < IMPLAUSIBLE:
        raise UnusableBinError("bad-count", f"EXPECTED_QUANTITY is {count!r:.40}, not a count")
    items = document.get("BIN_FCSKU_DATA") or {}
    if not isinstance(items, dict) or not all(isinstance(v, dict) for v in items.values()):
        raise UnusableBinError("malformed-metadata", "BIN_FCSKU_DATA is not a table of items")
    asins = frozenset(str(v["asin"]) for v in items.values() if v.get("asin"))
    quantities = [v.get("quantity") for v in items.values()]
    adds_up = all(isinstance(q, int) for q in quantities) and sum(quantities) == count
    return Bin(identity, count, asins, adds_up, _mean_volume(items.values()))


def _mean_volume(items: Iterable[dict[str, Any]]) -> float | None:
    total, number = 0.0, 0
    for item in items:
        volume, quantity = _volume(item), item.get("quantity")
        if volume is not None and isinstance(quantity, int) and 0 < quantity < IMPLAUSIBLE:
            total += volume * quantity
            number += quantity
    return total / number if number else None


def _volume(item: dict[str, Any]) -> float | None:
    """Height times length times width, if all three are given in inches."""
    volume = 1.0
    for name in ("height", "length", "width"):
        side = item.get(name)
        value = side.get("value") if isinstance(side, dict) and side.get("unit") == "IN" else None
        if not isinstance(value, int | float) or not 0 < value < IMPLAUSIBLE:
            return None
        volume *= value
    return volume
