"""The stock record: the recorded quantity of each image, read from a CSV file."""

import csv
from collections.abc import Collection
from pathlib import Path

from pipelines.errors import UserError

COLUMNS = ("image", "expected_quantity")


class RecordError(UserError):
    """The CSV file of recorded quantities cannot be used."""


def read_record(path: Path, images: Collection[str]) -> dict[str, int]:
    """The recorded quantity by image, from a CSV with the columns image and expected_quantity.

    Args:
        path: The file. It may name images that are not counted.
        images: The names of the images to count.

    Raises:
        RecordError: There is no such file, it is not a CSV file in UTF-8, a column is missing, a
            quantity is not a whole number, an image has two quantities, or it names none of the
            images.
    """
    path = path.expanduser()
    if not path.is_file():
        raise RecordError(f"--expected: there is no file {path}.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            record = _read(path, csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordError(f"--expected: {path} is not a CSV file in UTF-8: {error}.") from None
    if not record.keys() & set(images):
        raise RecordError(
            f"--expected: {path} names none of the images. Its column image must hold paths below "
            f"the folder, such as {min(images)}."
        )
    return record


def _read(path: Path, rows: "csv.DictReader[str]") -> dict[str, int]:
    if missing := set(COLUMNS) - set(rows.fieldnames or ()):
        raise RecordError(
            f"--expected: {path} has no column {' and '.join(sorted(missing))}; its first line "
            "must name image and expected_quantity."
        )
    record: dict[str, int] = {}
    for row in rows:
        where = f"--expected: {path}, line {rows.line_num}"
        text = (row["expected_quantity"] or "").strip()
        if not (text.isascii() and text.isdigit()):
            raise RecordError(
                f"{where}: expected_quantity is {text!r}; use a whole number, 0 or more."
            )
        if record.setdefault(row["image"], int(text)) != int(text):
            raise RecordError(
                f"{where}: {row['image']} is there twice, with {record[row['image']]} and with "
                f"{text}; keep one quantity."
            )
    return record
