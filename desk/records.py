"""The stock record of one bin, by its id: from the setting desk.records, or as it is typed."""

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.scoring.records import Records, read_table
from pipelines.serving.stock_record import StockRecord, load
from pipelines.steps import record

SETTING = "desk.records"
FILE_ID = r"[^\W_][\w .+=@-]{0,99}"  # no path, no hidden file
NUMBER = r"\d{1,9}(\.\d{0,9})?|\.\d{1,9}"
MEASURES = ("length", "width", "height", "weight")
UNITS = {"inches": ("in", "lb"), "centimetres": ("cm", "kg")}


class RecordError(UserError):
    """A stock record is unknown or cannot be used; the message says what to do."""


class Table:
    """The records of a CSV file by id, read again when the file has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: tuple[str, int, int] | None = None
        self._records: Records = {}

    def find(self, path: Path, bin_id: str) -> StockRecord | None:
        """Return the record of an id; None if the file has none.

        The id is the image's name, with its folder and ending or without.
        """
        status = path.stat()
        version = (str(path), status.st_mtime_ns, status.st_size)
        with self._lock:
            if version != self._version:
                self._records = _by_id(read_table(path, SETTING))
                self._version = version
            return self._records.get(bin_id.casefold())


TABLE = Table()


def find(source: str, bin_id: str) -> StockRecord:
    """Return the stock record of an id.

    Args:
        source: The setting desk.records.
        bin_id: As it was typed or scanned.

    Raises:
        RecordError: There is no such record, or none are set.
        StockRecordError: The record's file cannot be used.
        RecordsError: The CSV file cannot be used.
    """
    if not source:
        raise RecordError(
            "The desk does not know where the stock records are, so an id is of no use. Enter "
            f"quantity and items, or start the desk with the setting {SETTING}."
        )
    place = ROOT / Path(source).expanduser()
    if place.is_dir():
        found = _in_folder(place, bin_id)
    elif place.is_file():
        found = TABLE.find(place, bin_id)
    else:
        raise RecordError(f"{SETTING}: there is no file or folder {place}.")
    if found is None:
        raise RecordError(
            f"There is no stock record with the id {bin_id[:60]!r}. Check the id, or enter "
            "quantity and items."
        )
    return found


def typed(quantity: str, rows: Sequence[Mapping[str, str]], units: str) -> StockRecord | None:
    """Return the stock record that was typed; None if nothing was.

    Args:
        quantity: How many items the bin should hold; "" to add up the items.
        rows: Each item's quantity, length, width, height and weight; "" where unknown.
        units: A key of `UNITS`.

    Raises:
        RecordError: Something typed is no number, or the record refuses it.
    """
    items = [_item(number, row, units) for number, row in enumerate(rows, 1) if any(row.values())]
    if not quantity:
        number = None
    elif quantity.isascii() and quantity.isdigit() and int(quantity) <= record.LARGEST_QUANTITY:
        number = int(quantity)
    else:
        raise RecordError(f"The quantity on record is {quantity[:20]!r}; enter a whole number.")
    if not items:
        return None if number is None else StockRecord(None, number)
    try:
        record.parse(items)
    except record.RecordError as error:
        raise RecordError(f"The items cannot be used: {error}.") from None
    return StockRecord(items, number)


def _item(number: int, row: Mapping[str, str], units: str) -> dict[str, Any]:
    unit, weight_unit = UNITS.get(units, UNITS["inches"])
    item: dict[str, Any] = {"unit": unit, "weight_unit": weight_unit}
    quantity = row["quantity"]
    if not (quantity.isascii() and quantity.isdigit()):
        raise RecordError(f"Item {number}: enter its quantity as a whole number.")
    item["quantity"] = int(quantity)
    for name in MEASURES:
        if text := row[name].replace(",", "."):
            if not re.fullmatch(NUMBER, text, re.ASCII):
                raise RecordError(
                    f"Item {number}: the {name} is {text[:20]!r}; enter a number, or nothing."
                )
            item[name] = float(text)
    return item


def _in_folder(folder: Path, bin_id: str) -> StockRecord | None:
    name = bin_id.removesuffix(".json")
    if not re.fullmatch(FILE_ID, name):
        return None
    for inner in (folder, folder / "metadata"):  # the second is in ABID's own folder
        if (file := inner / f"{name}.json").is_file():
            return load(file, SETTING)
    return None


def _by_id(records: Records) -> Records:
    """Records by each of their ids; an id that two images share names none."""
    found: dict[str, StockRecord | None] = {}
    for name, one in records.items():
        path = PurePosixPath(name)
        for bin_id in {name, str(path.with_suffix("")), path.name, path.stem}:
            key = bin_id.casefold()
            found[key] = one if found.setdefault(key, one) is one else None
    return {bin_id: one for bin_id, one in found.items() if one is not None}
