"""The items of stock records as numbers for the network: a set, without quantities, ids or names.

Shipped in the model, so that training and serving encode a record in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from record import Item, Record

# Logarithms of sides (longest first), weight, volume and density, brought to about -1 … 1: mean and
# standard deviation of each over the items on ABID's records 00001 to 09999, in inches, pounds,
# cubic inches and pounds per cubic inch.
MEANS = (2.07, 1.64, 0.49, -0.76, 4.20, -4.98)
SPREADS = (0.43, 0.52, 0.91, 1.47, 1.46, 1.13)
LARGEST = 4.0
# Present, the six numbers (0 where unknown), whether a side is unknown, whether the weight is.
FEATURES = 1 + len(MEANS) + 2
MOST = 24  # items of one bin that are told apart; a longer list is known by its length, too
NOT_GIVEN = -1.0  # in place of the number of items: no list is known

Numbers = NDArray[np.float32]


def encode(records: Sequence[Record | None]) -> tuple[Numbers, Numbers]:
    """The items of each record.

    Args:
        records: of n bins; None where there is none.

    Returns:
        float32 (n, MOST, FEATURES), the items in an order that depends on their measures alone,
        filled up with zeros; and float32 (n,), how many items each record lists, or NOT_GIVEN.
    """
    lists = [None if record is None else record.items for record in records]
    encoded = np.zeros((len(lists), MOST, FEATURES), np.float32)
    for into, items in zip(encoded, lists, strict=True):
        rows = _rows(items or ())[:MOST]
        into[: len(rows)] = rows
    listed = [NOT_GIVEN if items is None else float(len(items)) for items in lists]
    return encoded, np.array(listed, np.float32)


def _rows(items: Sequence[Item]) -> Numbers:
    rows = sorted(_row(item) for item in items)  # sums of floats depend on their order
    return np.array(rows, np.float32).reshape(-1, FEATURES)


def _row(item: Item) -> tuple[float, ...]:
    sides = [item.length, item.width, item.height]
    known = sorted((side for side in sides if side is not None), reverse=True)
    logarithms: list[float | None] = [math.log(side) for side in known]
    logarithms += [None] * (len(sides) - len(known))
    weight = None if item.weight is None else math.log(item.weight)
    volume = None if len(known) < len(sides) else sum(math.log(side) for side in known)
    density = None if weight is None or volume is None else weight - volume
    scaled = (
        0.0 if value is None else max(-LARGEST, min(LARGEST, (value - mean) / spread))
        for value, mean, spread in zip(
            [*logarithms, weight, volume, density], MEANS, SPREADS, strict=True
        )
    )
    return (1.0, *scaled, float(volume is None), float(weight is None))
