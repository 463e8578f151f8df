"""Which files of a source are bins: one answer for `start`, Prepare and `score`.

A source is a folder or an S3 prefix, known here by the names of its files: paths below it, with
slashes. Three layouts are found out by looking:

- ABID's: `bin-images/ID.jpg` and `metadata/ID.json`;
- folders named by their count: `3/photo.jpg`;
- a table: a CSV file with the columns file and count, beside the pictures (bin_table.py).

Each may have sub-folders. It needs the standard library only, as the steps and the command line
both import it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import bin_table
from bin_table import Flaw as Flaw
from bin_table import LayoutError as LayoutError
from file_names import (
    CONTENT_TYPES,
    folders_of,
    is_hidden,
    make_ids,
    number_folders,
    stem_of,
    suffix_of,
)
from record import Record, RecordError, is_quantity
from record import parse as parse_record

IMAGES, METADATA = "bin-images", "metadata"
LAYOUTS = (
    f"Bins are laid out like ABID ({IMAGES}/ID.jpg and {METADATA}/ID.json), in folders named by "
    "their count (3/photo.jpg), or listed in a CSV file with the columns file and count beside the "
    "pictures. Pictures are .jpg, .jpeg or .png files."
)
SHOWN = 4  # kinds of files in one message
MOST_UNUSABLE = 0.1  # share of the bins above which Prepare fails, and `start` before it
Layout = Literal["abid", "folders", "table"]


class CountError(RecordError):
    """A stock record's EXPECTED_QUANTITY is no count."""


@dataclass(frozen=True, slots=True)
class BinFile:
    """The files of one bin.

    Attributes:
        image: The name of its picture.
        record: The name of its stock record, in ABID's layout; else empty.
        count: How many items it holds; None where the record tells.
        items: The items of its rows in a table; None where they are not known.
    """

    image: str
    record: str = ""
    count: int | None = None
    items: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Bins:
    """The bins of a source.

    Attributes:
        layout: How they are laid out.
        files: The files of each bin, by its id. Two bins never share an id.
        names: Every file that a reader of these bins needs, also of those with a flaw.
        flaws: Why what looks like a bin is none, by the id that it would have.
        tables: The names of the tables.
        unused: Pictures that no table lists.
    """

    layout: Layout
    files: dict[str, BinFile]
    names: Sequence[str]
    flaws: dict[str, Flaw] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The layout in words, for a message."""
        return {
            "abid": "laid out like ABID",
            "folders": "in folders named by their count",
            "table": f"listed in {' and '.join(self.tables[:SHOWN])}",
        }[self.layout]

    def find(self, name: str) -> str | None:
        """The id of the bin that a file list names; None if there is none.

        Args:
            name: A path such as `data/metadata/00005.json`, also with backslashes. What stands
                before the source's own path is ignored, and so are suffixes.
        """
        parts = stem_of(name.strip().replace("\\", "/").removeprefix("./")).split("/")
        for start, part in enumerate(parts):
            identity = self._ids.get("/".join(parts[start:]))
            if identity is not None:
                return identity
            if self.layout == "abid" and part.casefold() in (IMAGES, METADATA):
                return None  # `metadata/more/5.json` never means `metadata/5.json`
        return None

    @cached_property
    def _ids(self) -> dict[str, str]:
        """The id by whatever may stand for a bin: its id, or the path of a file of it."""
        ids = {}
        for identity, one in self.files.items():
            for name in (one.image, one.record):
                path = stem_of(name).split("/")
                ids["/".join(path)] = identity
                if self.layout == "abid":
                    root = next((i for i, p in enumerate(path) if _is_abids(p)), 0)
                    ids.setdefault("/".join(path[root:]), identity)
        for identity in self.flaws:
            ids.setdefault(identity, identity)
            if self.layout == "abid":
                ids.setdefault(f"{METADATA}/{identity}", identity)
        return ids | {identity: identity for identity in self.files}


def read_record(content: bytes) -> tuple[Record, Any]:
    """Read a stock record that labels a picture: the record, and the JSON document.

    Raises:
        CountError: Its EXPECTED_QUANTITY is no count.
        RecordError: It is not JSON, is no record, or does not tell the count.
    """
    try:
        document = json.loads(content)  # a byte order mark is skipped
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {error}") from None
    if isinstance(document, dict):
        if "EXPECTED_QUANTITY" not in document:
            raise RecordError("it has no EXPECTED_QUANTITY")
        if not is_quantity(count := document["EXPECTED_QUANTITY"]):
            raise CountError(f"EXPECTED_QUANTITY is {count!r:.40}, not a count")
    return parse_record(document), document


def find(names: Iterable[str], read: Callable[[str], bytes]) -> Bins:
    """Find the bins of a source.

    Args:
        names: The names of its files.
        read: Returns the content of a file; only CSV files are read.

    Raises:
        LayoutError: There is no bin, or the layout cannot be understood.
    """
    seen = sorted(name for name in names if not is_hidden(name))
    by_suffix: dict[str, list[str]] = defaultdict(list)
    for name in seen:
        by_suffix[suffix_of(name)].append(name)
    pictures = sorted(name for suffix in CONTENT_TYPES for name in by_suffix[suffix])
    rows, without_columns = bin_table.read_all(by_suffix[".csv"], read)
    records = [name for name in by_suffix[".json"] if METADATA in folders_of(name)]
    laid_out = [name for name in pictures if IMAGES in folders_of(name)]
    counted = [name for name in pictures if number_folders(name)]
    if rows and records and laid_out:
        raise LayoutError(
            f"it has both a table ({', '.join(rows)}) and ABID's layout ({laid_out[0]}, "
            f"{records[0]}), which may contradict each other; keep one of them. {LAYOUTS}"
        )
    if rows:
        return _listed(pictures, rows)
    if records and (laid_out or not counted):
        if outside := sorted(set(counted) - set(laid_out)):
            raise LayoutError(
                f"it mixes ABID's layout ({(laid_out or records)[0]}) with folders named by a "
                f"count ({outside[0]}); make them two sources, or one layout. {LAYOUTS}"
            )
        return _paired(laid_out, records, seen)
    if counted:
        return _in_count_folders(pictures)
    if not seen:
        raise LayoutError(f"it is empty, or has hidden files only. {LAYOUTS}")
    tables = "".join(f" {name} has no columns file and count." for name in without_columns[:SHOWN])
    raise LayoutError(f"it has no bins, but {_kinds(seen)}.{tables} {LAYOUTS}")


def _paired(pictures: list[str], records: list[str], seen: list[str]) -> Bins:
    """ABID's layout: each picture with the record of the same path."""
    images, documents = _by_path(pictures, IMAGES), _by_path(records, METADATA)
    first: dict[str, tuple[str, str]] = {}
    for path in documents:
        before = first.setdefault(path[1], path)
        if before[0] != path[0]:
            raise LayoutError(
                f"it has both {documents[before][0]} and {documents[path][0]}, perhaps one set of "
                "bins twice, and so in training and in the test; give one of the folders, or put "
                f"both into one {IMAGES}/ and {METADATA}/. {LAYOUTS}"
            )
    if not images.keys() & documents.keys():
        raise LayoutError(
            f"it has {len(pictures)} pictures in {IMAGES}/ and {len(records)} records in "
            f"{METADATA}/, but no two of one name. It holds {_kinds(seen)}. {LAYOUTS}"
        )
    others = _by_path(sorted({n for n in seen if IMAGES in folders_of(n)} - set(pictures)), IMAGES)
    files, flaws = {}, {}
    paths = {path: "/".join(part for part in path if part) for path in {*images, *documents}}
    for path, identity in make_ids(paths).items():
        there, of_record = images.get(path, []), documents.get(path, [])
        flaw = None
        if len(there) > 1:
            flaw = Flaw("two-images", f"{' and '.join(there)} have one record; keep one of them")
        elif len(of_record) > 1:
            flaw = Flaw("two-records", f"{' and '.join(of_record)}; keep one of them")
        elif not of_record:
            flaw = Flaw("no-metadata", f"no {_place(path, METADATA)}.json for {there[0]}")
        elif not there:
            suffixes = ", ".join(CONTENT_TYPES)
            other = f"; {others[path][0]} is none" if path in others else ""
            flaw = Flaw("no-image", f"no {_place(path, IMAGES)} with {suffixes}{other}")
        if flaw:
            flaws[identity] = flaw
        else:
            files[identity] = BinFile(there[0], of_record[0])
    return Bins("abid", files, [*pictures, *records], flaws)


def _in_count_folders(pictures: list[str]) -> Bins:
    """Folders named by their count: exactly one folder of a picture's path is a number."""
    files, flaws = {}, {}
    for name, identity in make_ids({name: stem_of(name) for name in pictures}).items():
        numbers = number_folders(name)
        if len(numbers) == 1:
            files[identity] = BinFile(name, count=int(numbers[0]))
        elif numbers:
            detail = f"{name} is in {len(numbers)} folders named by a number ({', '.join(numbers)})"
            flaws[identity] = Flaw("two-counts", detail)
        else:
            flaws[identity] = Flaw("no-count", f"{name} is in no folder named by its count")
    if not files:
        raise LayoutError(
            f"every picture is in two or more folders named by a number, such as {pictures[0]}, "
            f"so its count is not certain; give the other folders another name. {LAYOUTS}"
        )
    return Bins("folders", files, pictures, flaws)


def _listed(pictures: list[str], tables: Mapping[str, bin_table.Table]) -> Bins:
    """Tables: each row names a picture, from the table's own folder or from the source's root."""
    known = {name: name for name in pictures}
    any_case = {name.casefold(): name for name in pictures} | known
    bins: dict[str, BinFile] = {}
    bad: dict[str, Flaw] = {}
    for table, rows in tables.items():
        folder = table.rpartition("/")[0]
        for file, row in rows.items():
            name = _in_source(file, folder, any_case)
            if name is None:
                bad[f"{folder}/{file}".lstrip("/")] = Flaw(
                    "no-image", f"{table}, line {row.line}: there is no picture {file}"
                )
                continue
            if row.flaw:
                bad[name] = Flaw(row.flaw.reason, f"{table}, {row.flaw.detail}")
                continue
            one = BinFile(name, count=row.count, items=row.items)
            if bins.setdefault(name, one) != one:
                detail = f"{table}, line {row.line}: {file} is listed twice, each time differently"
                bad[name] = Flaw("two-counts", detail)
    bins = {name: one for name, one in bins.items() if name not in bad}
    if not bins:
        why = "; ".join(flaw.detail for flaw in list(bad.values())[:SHOWN]) or "it has no row"
        raise LayoutError(f"{', '.join(tables)} names no bin that can be used: {why}. {LAYOUTS}")
    ids = make_ids({name: stem_of(name) for name in (*bins, *bad)})
    listed = [name for name in pictures if name in bins or name in bad]
    return Bins(
        "table",
        {ids[name]: one for name, one in bins.items()},
        [*tables, *listed],
        {ids[name]: flaw for name, flaw in bad.items()},
        tuple(tables),
        tuple(sorted(set(pictures) - set(listed))),
    )


def _in_source(file: str, folder: str, pictures: Mapping[str, str]) -> str | None:
    """The picture that a table's row names."""
    path = file.replace("\\", "/").removeprefix("./")
    absolute = re.match(r"([A-Za-z]:)?/", path)
    parts = path[absolute.end() :].split("/") if absolute else [path]
    for start in range(len(parts)):
        rest = "/".join(parts[start:])
        for name in (f"{folder}/{rest}" if folder else rest, rest):
            if found := pictures.get(name) or pictures.get(name.casefold()):
                return found
    return None


def _by_path(names: Iterable[str], part: str) -> dict[tuple[str, str], list[str]]:
    """Names by what stands before and after the folder `part`, without the suffix."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        folders = folders_of(name)
        at = folders.index(part)
        parts = stem_of(name).split("/")
        found["/".join(parts[:at]), "/".join(parts[at + 1 :])].append(name)
    return found


def _place(path: tuple[str, str], part: str) -> str:
    return "/".join(one for one in (path[0], part, path[1]) if one)


def _is_abids(folder: str) -> bool:
    return folder.casefold() in (IMAGES, METADATA)


def _kinds(names: Sequence[str]) -> str:
    """What there is, in words: `60 .heic files in photos/, 1 .txt file`."""
    kinds = Counter(
        (suffix_of(name) or "other", f" in {name.partition('/')[0]}/" if "/" in name else "")
        for name in names
    )
    told = [
        f"{number} {suffix} file{'s' * (number > 1)}{folder}"
        for (suffix, folder), number in kinds.most_common(SHOWN)
    ]
    more = ["others"] if len(kinds) > SHOWN else []
    return ", ".join(told + more)
