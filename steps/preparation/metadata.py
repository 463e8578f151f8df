"""What is known of one bin: its count, and its stock record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bin_files
from audit_finding import Finding
from audits import Audit, contradicts_both
from bin_files import BinFile
from counts import Classes
from preparation.errors import UnusableBinError
from record import Item, Record, RecordError
from record import parse as parse_record


@dataclass(frozen=True)
class Bin:
    """One image of one bin.

    Attributes:
        id: As in the file names; `523` and `00523` are different bins.
        count: The audited count or, without an audit, the quantity in the stock record
            (EXPECTED_QUANTITY).
        asins: The kinds of items in it.
        adds_up: Whether the quantities of the items sum to `count`, where items are known.
        volume: The mean volume of an item in cubic inches, over the items of known size, by
            quantity; None if no size is known.
        items: The items of the record; None where none is known.
        finding: What an audit found; None without an audit.
    """

    id: str
    count: int
    asins: frozenset[str]
    adds_up: bool
    volume: float | None = None
    items: tuple[Item, ...] | None = None
    finding: Finding | None = None

    @property
    def is_corrected(self) -> bool:
        """Whether an audit changed the count, so that the record's items are not the bin's."""
        return self.finding is not None and self.finding.recorded_count != self.count

    @property
    def is_doubtful(self) -> bool:
        """Whether the record contradicts itself, and nobody has counted the bin."""
        return not self.adds_up and self.finding is None

    def with_audit(self, audit: Audit, classes: Classes) -> Bin:
        """The bin with the count of an audit of its image.

        A record with a wrong quantity does not say which items are there: these are not known.
        """
        assert audit.true_count is not None
        is_contradicting = contradicts_both(audit, self.count, classes)
        finding = Finding(self.count, audit.model_count, is_contradicting)
        if audit.true_count == self.count:
            return replace(self, finding=finding)
        return replace(
            self, count=audit.true_count, adds_up=True, volume=None, items=None, finding=finding
        )


def parse(identity: str, content: bytes) -> Bin:
    """Read a metadata file.

    Raises:
        UnusableBinError: It is not JSON, or has no valid EXPECTED_QUANTITY.
    """
    try:
        record, document = bin_files.read_record(content)
    except RecordError as error:
        bad_count = isinstance(error, bin_files.CountError)
        reason = "bad-count" if bad_count else "malformed-metadata"
        raise UnusableBinError(reason, str(error)) from None
    entries = document
    if isinstance(document, dict):
        entries = list((document.get("BIN_FCSKU_DATA") or {}).values())
    return _bin(identity, record, entries)


def of_place(identity: str, place: BinFile) -> Bin:
    """The bin of a folder named by its count, or of a table.

    Raises:
        UnusableBinError: The items in the table are not a stock record.
    """
    assert place.count is not None
    if place.items is None:
        return _bin(identity, Record(place.count), [])
    try:
        items = parse_record(place.items).items
    except RecordError as error:
        raise UnusableBinError("malformed-metadata", str(error)) from None
    return _bin(identity, Record(place.count, items), place.items)


def _bin(identity: str, record: Record, entries: Sequence[Mapping[str, Any]]) -> Bin:
    """A bin of its record; its entries, as they are written, name the kinds of items."""
    names = (entry.get("asin") or entry.get("sku") for entry in entries)
    quantities = [item.quantity for item in record.items or ()]
    known = [quantity for quantity in quantities if quantity is not None]
    return Bin(
        identity,
        record.quantity,
        frozenset(str(name) for name in names if name),
        record.items is None or (known == quantities and sum(known) == record.quantity),
        _mean_volume(record.items or ()),
        record.items,
    )


def _mean_volume(items: Iterable[Item]) -> float | None:
    total, number = 0.0, 0
    for item in items:
        if item.quantity and item.height and item.length and item.width:
            total += item.height * item.length * item.width * item.quantity
            number += item.quantity
    return total / number if number else None
