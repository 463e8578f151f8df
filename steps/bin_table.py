"""A table of bins: a CSV file with the columns file and count, and perhaps the items.

`file,count` alone labels pictures. With item columns there is a row for each item, and the rows of
one file are its stock record:

    file,count,sku,quantity,length,width,height,unit,weight,weight_unit
    a.jpg,3,B01,2,8.5,5,1.2,in,0.8,lb
    a.jpg,3,B02,1,4,4,4,in,0.2,lb

Semicolons and tabs separate as well, and what Windows writes (byte order marks, UTF-16, CRLF) is
understood. It needs the standard library only.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from record import LARGEST_QUANTITY

FILE, COUNT = "file", "count"
NUMBERS = ("length", "width", "height", "weight")
ITEM = ("sku", "quantity", *NUMBERS, "unit", "weight_unit")
SEPARATORS = (",", ";", "\t")


class LayoutError(ValueError):
    """What a source holds cannot be understood; the message says what was seen and is allowed."""


class Flaw(NamedTuple):
    """Why something is no bin: the manifest's term, and the details."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Row:
    """What a table says of one file: its count, and its items where they are known.

    Attributes:
        line: Where the file is first named.
        flaw: Why the row cannot be used, or None.
    """

    line: int
    count: int = 0
    items: Sequence[dict[str, Any]] | None = None
    flaw: Flaw | None = None


Table = dict[str, Row]  # by file, as it is written
Line = tuple[int, dict[str, str]]  # its number, and its cells by column


class Sheet(NamedTuple):
    """The lines of a CSV file.

    Attributes:
        columns: In lower case.
        lines: Those that are not empty.
        comma: Whether a comma in a number is a decimal one, as another sign separates the columns.
    """

    columns: tuple[str, ...]
    lines: list[Line]
    comma: bool


def read_all(
    names: Iterable[str], read: Callable[[str], bytes]
) -> tuple[dict[str, Table], list[str]]:
    """Read CSV files: the tables of bins among them by name, and the names of the others.

    Raises:
        LayoutError: One has the columns and cannot be read, or none is in UTF-8 or UTF-16.
    """
    tables, others = {}, []
    for name in names:
        table = parse(name, read(name))
        if table is None:
            others.append(name)
        else:
            tables[name] = table
    return tables, others


def parse(name: str, content: bytes) -> Table | None:
    """Read one CSV file; None if it has no columns file and count.

    Raises:
        LayoutError: It is not text in UTF-8 or UTF-16, or not CSV.
    """
    read = sheet(name, content, (FILE, COUNT))
    if read is None:
        return None
    rows: dict[str, list[Line]] = {}
    for line in read.lines:
        rows.setdefault(line[1].get(FILE, ""), []).append(line)
    return {file: _row(file, lines, read.comma) for file, lines in rows.items()}


def sheet(name: str, content: bytes, needed: Sequence[str]) -> Sheet | None:
    """Read the lines of one CSV file; None if it lacks one of the columns `needed`.

    Raises:
        LayoutError: It is not text in UTF-8 or UTF-16, or not CSV.
    """
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise LayoutError(
            f"{name} is not in UTF-8 ({error}); save it as a CSV file in UTF-8"
        ) from None
    if text.lower().startswith("sep="):  # Excel's way to name the separator
        text = text.partition("\n")[2]
        skipped = 1
    else:
        skipped = 0
    head = text.partition("\n")[0].strip()
    for separator in SEPARATORS:
        columns = _columns(next(csv.reader([head], delimiter=separator), []))
        if set(needed) <= set(columns):
            break
    else:
        return None
    lines: list[Line] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        next(reader)
        for cells in reader:
            row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
            if any(row.values()):
                lines.append((reader.line_num + skipped, row))
    except csv.Error as error:
        line = reader.line_num + skipped
        raise LayoutError(f"{name}, line {line}: it is not CSV ({error})") from None
    return Sheet(tuple(columns), lines, separator != ",")


def _columns(cells: Iterable[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _row(file: str, lines: Sequence[Line], comma: bool) -> Row:
    """The rows of one file together."""
    first = lines[0][0]
    counts = {row[COUNT]: line for line, row in lines if row.get(COUNT)}
    if not counts:
        return Row(first, flaw=Flaw("no-count", f"line {first}: no count of {file}"))
    for text, line in counts.items():
        if not (text.isascii() and text.isdigit()) or int(text) > LARGEST_QUANTITY:
            detail = f"line {line}: the count of {file} is {text!r:.40}, not a whole number from 0"
            return Row(first, flaw=Flaw("bad-count", detail))
    if len({int(text) for text in counts}) > 1:
        detail = f"line {first}: {file} has the counts {' and '.join(counts)}"
        return Row(first, flaw=Flaw("two-counts", detail))
    count = int(next(iter(counts)))
    items = []
    for line, row in lines:
        try:
            listed = item(row, comma)
        except ValueError:
            detail = f"line {line}: a size, weight or quantity of {file} is not a number"
            return Row(first, flaw=Flaw("malformed-metadata", detail))
        if listed:
            items.append(listed)
    has_columns = any(name in lines[0][1] for name in ITEM)
    return Row(first, count, items if items or (has_columns and not count) else None)


def item(row: Mapping[str, str], comma: bool) -> dict[str, Any]:
    """The item of a line, as a plain list of items holds it; empty if the line has none.

    Raises:
        ValueError: A size, weight or quantity is not a number.
    """
    return {name: _value(name, row[name], comma) for name in ITEM if row.get(name)}


def _value(name: str, text: str, comma: bool) -> str | int | float:
    """A cell's value; where another sign separates the columns, a comma may be decimal.

    Raises:
        ValueError: It is not the number that its column holds.
    """
    if name == "quantity":
        return int(text)
    if name in NUMBERS:
        return float(text.replace(",", ".") if comma else text)
    return text
