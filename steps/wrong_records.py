"""Stock records that are wrong, made from right ones in the four ways of `record_errors.KINDS`.

Train fits the decision with them and Evaluate judges it with them: where records go wrong, nobody
writes down which. All draws come from one generator, so a seed makes the same records again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

import record_errors
from record import Item, Record
from record_errors import RecordErrors

ROUNDS = 4  # wrong records of each kind for each bin
TRIES = 100  # to find another bin's record


@dataclass(frozen=True)
class Claim:
    """A record beside a bin.

    Attributes:
        bin: index of the bin.
        record: its own, or a wrong one.
        kind: of `record_errors.KINDS`; None for the right record.
        weight: how often the pair occurs, relative to the others.
    """

    bin: int
    record: Record
    kind: str | None
    weight: float

    @property
    def right(self) -> bool:
        """Whether the bin holds what the record says."""
        return self.kind is None


def claims(records: Sequence[Record], errors: RecordErrors, seed: int = 0) -> list[Claim]:
    """Each bin with its right record, and with wrong ones of every kind.

    A kind that no bin's record allows (an item that is not listed, where no record lists items)
    leaves its share to the others.

    Args:
        records: the right record of each bin.
        errors: how many of the records are wrong, and how.
        seed: of all draws.
    """
    generator = np.random.default_rng(seed)
    wrong: dict[str, list[tuple[int, Record]]] = {}
    for kind, make in MAKERS.items():
        made = [
            (index, record)
            for _ in range(ROUNDS)
            for index in range(len(records))
            if (record := make(records, index, generator)) is not None
        ]
        if made and errors.kinds[kind]:
            wrong[kind] = made
    total = sum(errors.kinds[kind] for kind in wrong)
    found = [
        Claim(index, record, None, 1 - errors.rate if wrong else 1.0)
        for index, record in enumerate(records)
    ]
    for kind, made in wrong.items():
        weight = errors.rate * errors.kinds[kind] / total * len(records) / len(made)
        found += [Claim(index, record, kind, weight) for index, record in made]
    return found


def miscounted(
    records: Sequence[Record], index: int, generator: np.random.Generator
) -> Record | None:
    """One quantity is wrong by 1, 2 or 3; none falls below 1, as a listed item is there."""
    record = records[index]
    if record.quantity == 0 or record.items == ():
        return None  # nothing is listed that could be miscounted
    shares = record_errors.MISCOUNTED_BY
    by = int(generator.choice(list(shares), p=list(shares.values())))
    off = by if generator.random() < 0.5 else -by
    if record.items is None:
        return Record(record.quantity + (off if record.quantity + off >= 1 else by))
    at = int(generator.integers(len(record.items)))
    quantity = record.items[at].quantity or 1
    changed = quantity + (off if quantity + off >= 1 else by)
    items = list(record.items)
    items[at] = replace(items[at], quantity=changed)
    return Record(record.quantity - quantity + changed, tuple(items))


def item_not_there(
    records: Sequence[Record], index: int, generator: np.random.Generator
) -> Record | None:
    """The record also lists an item of another bin."""
    record = records[index]
    other = _other(records, generator, lambda one: bool(one.items))
    if record.items is None or other is None or not other.items:
        return None
    item = other.items[int(generator.integers(len(other.items)))]
    return Record(record.quantity + (item.quantity or 1), (*record.items, item))


def item_not_listed(
    records: Sequence[Record], index: int, generator: np.random.Generator
) -> Record | None:
    """The record lacks one of the bin's items."""
    record = records[index]
    if not record.items:
        return None
    at = int(generator.integers(len(record.items)))
    left: tuple[Item, ...] = record.items[:at] + record.items[at + 1 :]
    return Record(max(0, record.quantity - (record.items[at].quantity or 1)), left)


def exchanged(
    records: Sequence[Record], index: int, generator: np.random.Generator
) -> Record | None:
    """The record is another bin's, which holds another quantity."""
    quantity = records[index].quantity
    return _other(records, generator, lambda one: one.quantity != quantity)


Maker = Callable[[Sequence[Record], int, np.random.Generator], Record | None]
MAKERS: dict[str, Maker] = {
    record_errors.MISCOUNTED: miscounted,
    record_errors.NOT_THERE: item_not_there,
    record_errors.NOT_LISTED: item_not_listed,
    record_errors.EXCHANGED: exchanged,
}


def _other(
    records: Sequence[Record], generator: np.random.Generator, fits: Callable[[Record], bool]
) -> Record | None:
    for _ in range(TRIES):
        other = records[int(generator.integers(len(records)))]
        if fits(other):
            return other
    return None
