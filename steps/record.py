"""The stock record of one bin: how many items it should hold, and which.

Two forms are read: ABID's metadata as it is, and a plain list of items. It needs the standard
library only, as Prepare, training and serving all read records with it. Sizes are in inches and
weights in pounds, as in ABID. An item's id and name are not kept: nothing may learn from them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

INCHES = {
    "in": 1.0, "inch": 1.0, "inches": 1.0, "cm": 1 / 2.54, "centimeters": 1 / 2.54, "mm": 1 / 25.4,
}  # fmt: skip
POUNDS = {
    "lb": 1.0, "lbs": 1.0, "pound": 1.0, "pounds": 1.0, "kg": 2.20462, "kilograms": 2.20462,
    "g": 0.00220462, "oz": 1 / 16, "ounces": 1 / 16,
}  # fmt: skip
MEASURES = ("length", "width", "height", "weight")
KEYS = ("sku", "name", "quantity", *MEASURES, "unit", "weight_unit")  # of an item of a plain list
# A side or weight outside of these was typed wrongly, or stands for "unknown": it is not used.
PLAUSIBLE_INCHES = (0.01, 200.0)
PLAUSIBLE_POUNDS = (0.0005, 500.0)
LARGEST_QUANTITY = 999_999_999
MOST_ITEMS = 1000
EXAMPLE = (
    '[{"sku": "A1", "quantity": 2, "length": 8.5, "width": 5, "height": 1.2, "unit": "in", '
    '"weight": 0.8, "weight_unit": "lb"}]'
)


class RecordError(ValueError):
    """A stock record cannot be read; the message says what is wrong and what is allowed."""


@dataclass(frozen=True)
class Item:
    """One kind of item on record.

    Attributes:
        quantity: how many of it; None where the record does not say. It is only checked against
            the photo, and never read to predict the count.
        length, width, height: in inches; None where unknown or implausible.
        weight: in pounds; None where unknown or implausible.
    """

    quantity: int | None = None
    length: float | None = None
    width: float | None = None
    height: float | None = None
    weight: float | None = None

    def as_dict(self) -> dict[str, float | int | None]:
        """The item as a line of bins.jsonl has it."""
        return asdict(self)


@dataclass(frozen=True)
class Record:
    """A stock record.

    Attributes:
        quantity: how many items the bin should hold.
        items: the kinds of items; None if only the quantity is known.
    """

    quantity: int
    items: tuple[Item, ...] | None = None


def parse(document: Any) -> Record:
    """Read a stock record.

    Args:
        document: ABID's metadata (`BIN_FCSKU_DATA`, `EXPECTED_QUANTITY`), or a list of items, as
            JSON gives them.

    Raises:
        RecordError: it is neither.
    """
    if isinstance(document, Mapping):
        return _abid(document)
    if isinstance(document, Sequence) and not isinstance(document, str | bytes):
        if len(document) > MOST_ITEMS:
            raise RecordError(
                f"the record lists {len(document)} items; at most {MOST_ITEMS} are allowed"
            )
        items = tuple(_plain(entry, index) for index, entry in enumerate(document, start=1))
        return Record(sum(item.quantity or 0 for item in items), items)
    raise RecordError(
        f"the record is {_kind(document)}; give ABID's metadata, or a list of items such as "
        f"{EXAMPLE}"
    )


def stored(items: Sequence[Mapping[str, Any]] | None, quantity: int) -> Record:
    """The record of a line of bins.jsonl."""
    if items is None:
        return Record(quantity)
    return Record(quantity, tuple(Item(**entry) for entry in items))


def is_quantity(value: Any) -> bool:
    """Whether a JSON value is a quantity: a whole number of at most nine digits."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 <= value <= LARGEST_QUANTITY


def _abid(document: Mapping[str, Any]) -> Record:
    """ABID's metadata. Its items may lack anything; what is null or absurd is unknown."""
    entries = document.get("BIN_FCSKU_DATA")
    if entries is None and document.get("EXPECTED_QUANTITY") is None:
        raise RecordError(
            "the record has neither BIN_FCSKU_DATA nor EXPECTED_QUANTITY, as ABID's metadata has; "
            f"or give a list of items such as {EXAMPLE}"
        )
    items: tuple[Item, ...] | None = None
    if entries is not None:
        known = isinstance(entries, Mapping) and all(
            isinstance(entry, Mapping) for entry in entries.values()
        )
        if not known:
            raise RecordError("the record's BIN_FCSKU_DATA is not a table of items")
        if len(entries) > MOST_ITEMS:
            raise RecordError(
                f"the record lists {len(entries)} items; at most {MOST_ITEMS} are allowed"
            )
        items = tuple(_abid_item(entry) for entry in entries.values())
    quantity = document.get("EXPECTED_QUANTITY")
    if quantity is None:
        quantity = sum(item.quantity or 0 for item in items or ())
    if not is_quantity(quantity):
        raise RecordError(
            f"the record's EXPECTED_QUANTITY is {quantity!r:.40}, not a whole number from 0 to "
            f"{LARGEST_QUANTITY}"
        )
    return Record(quantity, items)


def _abid_item(entry: Mapping[str, Any]) -> Item:
    def measure(name: str, units: Mapping[str, float], plausible: tuple[float, float]) -> Any:
        side = entry.get(name)
        if not isinstance(side, Mapping):
            return None
        factor = units.get(str(side.get("unit", "")).strip().lower())
        return None if factor is None else _plausible(side.get("value"), factor, plausible)

    quantity = entry.get("quantity")
    return Item(
        quantity if is_quantity(quantity) else None,
        length=measure("length", INCHES, PLAUSIBLE_INCHES),
        width=measure("width", INCHES, PLAUSIBLE_INCHES),
        height=measure("height", INCHES, PLAUSIBLE_INCHES),
        weight=measure("weight", POUNDS, PLAUSIBLE_POUNDS),
    )


def _plain(entry: Any, number: int) -> Item:
    """An item of a plain list; a unit or a quantity that cannot be read is an error."""
    where = f"item {number} of the record"
    if not isinstance(entry, Mapping):
        raise RecordError(f"{where} is {_kind(entry)}, not an object such as {EXAMPLE[1:-1]}")
    for key in entry:
        if key not in KEYS:  # a misspelt measure would be taken for an unknown one
            near = difflib.get_close_matches(str(key).lower(), KEYS, 1)
            meant = f"; did you mean {near[0]}?" if near else "."
            raise RecordError(f"{where} has the key {key!r:.40}{meant} Allowed: {', '.join(KEYS)}")
    quantity = entry.get("quantity")
    if not is_quantity(quantity) or quantity == 0:
        raise RecordError(
            f"{where} has the quantity {quantity!r:.40}; give a whole number from 1 to "
            f"{LARGEST_QUANTITY}, and leave out items of which the bin should hold none"
        )
    inches = _factor(entry.get("unit"), INCHES, "in", f"unit of {where}")
    pounds = _factor(entry.get("weight_unit"), POUNDS, "lb", f"weight_unit of {where}")
    for name in MEASURES:
        value = entry.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise RecordError(f"the {name} of {where} is {_kind(value)}; give a number, or null")
    return Item(
        quantity,
        length=_plausible(entry.get("length"), inches, PLAUSIBLE_INCHES),
        width=_plausible(entry.get("width"), inches, PLAUSIBLE_INCHES),
        height=_plausible(entry.get("height"), inches, PLAUSIBLE_INCHES),
        weight=_plausible(entry.get("weight"), pounds, PLAUSIBLE_POUNDS),
    )


def _factor(unit: Any, units: Mapping[str, float], default: str, what: str) -> float:
    factor = units.get(str(default if unit is None else unit).strip().lower())
    if factor is None:
        raise RecordError(f"the {what} is {unit!r:.40}; allowed: {', '.join(units)}")
    return factor


def _plausible(value: Any, factor: float, limits: tuple[float, float]) -> float | None:
    """A measured value in inches or pounds; None if it is no number or an absurd one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        measured = float(value) * factor
    except OverflowError:  # JSON allows numbers that no float can hold
        return None
    return measured if math.isfinite(measured) and limits[0] <= measured <= limits[1] else None


def _kind(value: Any) -> str:
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
    }
    return "null" if value is None else names.get(type(value), "an object")
