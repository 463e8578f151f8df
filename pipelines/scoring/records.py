"""The stock records of the images to count, from a folder of JSON files or from a CSV file.

A CSV file has the column image, and expected_quantity or a row for each item:

    image,expected_quantity,sku,quantity,length,width,height,unit,weight,weight_unit
    1.jpg,3,B01,2,8.5,5,1.2,in,0.8,lb
    1.jpg,3,B02,1,4,4,4,in,0.2,lb
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipelines.errors import UserError
from pipelines.serving.stock_record import StockRecord, StockRecordError, load
from pipelines.steps import bin_table, record

IMAGE, QUANTITY = "image", "expected_quantity"
SHOWN = 3  # problems in one message
RECORDS, EXPECTED = "--records", "--expected"
Records = dict[str, StockRecord]  # by the image's name


class RecordsError(UserError):
    """The stock records cannot be used."""


def read(records: Path | None, expected: Path | None, images: Collection[str]) -> Records:
    """The stock record of each image that has one.

    Args:
        records: A folder with NAME.json for an image NAME.jpg, or a CSV file; it may name images
            that are not counted.
        expected: A CSV file of image and expected_quantity. Its quantity is what the bin should
            hold, whatever the record says.
        images: The names of the images to count.

    Raises:
        RecordsError: A file cannot be read or understood, or names none of the images.
    """
    found: Records = {}
    if records:
        records = records.expanduser()
        read_all = _folder if records.is_dir() else _table
        found = read_all(records, RECORDS, images)
    if expected:
        for name, one in _table(expected.expanduser(), EXPECTED, images).items():
            found[name] = replace(found.get(name, one), quantity=one.quantity)
    return found


def _folder(folder: Path, option: str, images: Collection[str]) -> Records:
    """`aisle 7/2.json` is the record of `aisle 7/2.jpg`."""
    found, problems = {}, []
    for name in images:
        file = folder / PurePosixPath(name).with_suffix(".json")
        if not file.is_file():
            continue
        try:
            found[name] = load(file, option)
        except StockRecordError as error:
            problems.append(str(error).removeprefix(f"{option}: "))
    if problems:
        more = f" And {len(problems) - SHOWN} more." if len(problems) > SHOWN else ""
        raise RecordsError(f"{option}: {' '.join(problems[:SHOWN])}{more}")
    if not found:
        example = PurePosixPath(min(images)).with_suffix(".json")
        raise RecordsError(
            f"{option}: {folder} has a record of none of the images. The record of {min(images)} "
            f"would be {folder / example}."
        )
    return found


def read_table(path: Path, option: str) -> Records:
    """Every stock record of a CSV file, by the image's name.

    Args:
        path: The file.
        option: The option or setting that names it, for messages.

    Raises:
        RecordsError: The file cannot be read or understood.
    """
    if not path.is_file():
        wanted = "file" if option == EXPECTED else "file or folder"
        raise RecordsError(f"{option}: there is no {wanted} {path}.")
    try:
        sheet = bin_table.sheet(str(path), path.read_bytes(), (IMAGE,))
    except bin_table.LayoutError as error:
        raise RecordsError(f"{option}: {error}.") from None
    quantities = {QUANTITY} if option == EXPECTED else {QUANTITY, "quantity"}
    if sheet is None or not quantities & set(sheet.columns):
        items = f", or image and those of items: {', '.join(bin_table.ITEM)}"
        raise RecordsError(
            f"{option}: the first line of {path} must name the columns image and "
            f"expected_quantity{'' if option == EXPECTED else items}."
        )
    lines: dict[str, list[bin_table.Line]] = {}
    for line in sheet.lines:
        name = line[1].get(IMAGE, "").replace("\\", "/").removeprefix("./")
        lines.setdefault(name, []).append(line)
    return {
        name: _record(f"{option}: {path}", name, rows, sheet.comma, option == EXPECTED)
        for name, rows in lines.items()
    }


def _table(path: Path, option: str, images: Collection[str]) -> Records:
    found = read_table(path, option)
    if not found.keys() & set(images):
        raise RecordsError(
            f"{option}: {path} names none of the images. Its column image must hold paths below "
            f"the folder, such as {min(images)}."
        )
    return {name: one for name, one in found.items() if name in set(images)}


def _record(
    file: str, name: str, rows: list[bin_table.Line], comma: bool, quantity_only: bool
) -> StockRecord:
    """The record that the rows of one image are."""
    quantities: dict[int, int] = {}
    items: list[Mapping[str, object]] = []
    for number, row in rows:
        where = f"{file}, line {number}"
        text = row.get(QUANTITY, "")
        if text or quantity_only:
            quantities[_quantity(text, where)] = number
        if len(quantities) > 1:
            first, second = quantities
            raise RecordsError(
                f"{where}: {name} is there twice, with {first} and with {second}; keep one "
                "quantity."
            )
        if quantity_only:
            continue
        try:
            if item := bin_table.item(row, comma):
                record.parse([item])
                items.append(item)
        except record.RecordError as error:
            raise RecordsError(f"{where}: {error}.") from None
        except ValueError:
            raise RecordsError(f"{where}: a size, weight or quantity is not a number.") from None
    quantity = next(iter(quantities), None)
    if quantity is None and not items:
        raise RecordsError(
            f"{file}, line {rows[0][0]}: {name} has neither expected_quantity nor an item."
        )
    return StockRecord(items or None, quantity)


def _quantity(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > record.LARGEST_QUANTITY:
        raise RecordsError(
            f"{where}: expected_quantity is {text!r:.40}; use a whole number from 0 to "
            f"{record.LARGEST_QUANTITY}."
        )
    return int(text)
