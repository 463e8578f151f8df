"""Makes a shift of what a person uploads: photos and a CSV file of their stock records.

What is wrong with one photo is kept with it, and costs the others nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from desk import photo, upload
from desk.shift import INCOMING, PHOTOS, SHIFT, Bin, Shift, load
from desk.upload import Entry, Uploaded, UploadError
from pipelines.scoring import records
from pipelines.scoring.records import Records, RecordsError
from pipelines.steps import record

NO_RECORD = "The CSV file has no record of this photo."
LONGEST = 200  # characters of a name that a person types


def create(folder: Path, files: Iterable[Uploaded], *, name: str, who: str, share: float) -> Shift:
    """Make a shift of what was uploaded.

    Args:
        folder: Where the shifts are.
        files: Photos, ZIP files and the CSV file of records.
        name: As a person calls it; "" for its time.
        who: The person.
        share: The share of the bins that pass which are looked at.

    Raises:
        UploadError: It cannot be used; nothing is left of it.
    """
    now = datetime.now(UTC)
    identity = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    incoming = Path(tempfile.mkdtemp(prefix=INCOMING, dir=folder))  # for its owner alone
    try:
        (incoming / PHOTOS).mkdir(mode=0o700)
        bins, tables = _unpack(incoming, files)
        bins, without_photo = _with_records(bins, _read_table(incoming, tables))
        values = {
            "id": identity,
            "name": " ".join(name.split())[:LONGEST],
            "who": who,
            "when": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "share": share,
            "bins": [asdict(one) for one in bins],
            "without_photo": without_photo,
        }
        (incoming / SHIFT).write_text(json.dumps(values), encoding="utf-8")
        incoming.rename(folder / identity)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    return load(folder / identity)


def plain(reason: str) -> str:
    """Why a photo cannot be used, as a sentence without what only a programmer understands."""
    words = re.sub(r" \([^()]*\)|; it begins with .*", "", reason).rstrip(".")
    return f"{words if words[0].isupper() else f'It {words}'}."


def _unpack(folder: Path, files: Iterable[Uploaded]) -> tuple[list[Bin], dict[str, bytes]]:
    """Write the photos; returns the bins by name, without records, and the tables."""
    bins: dict[str, Bin] = {}
    tables: dict[str, bytes] = {}
    first: dict[str, str] = {}  # the photo with these bytes
    for entry in upload.read(files):
        if entry.is_table:
            if entry.problem:
                raise UploadError(f"{entry.name}: {entry.problem}")
            tables[entry.name] = entry.body
            continue
        one = Bin(len(bins) + 1, entry.name, sha256=hashlib.sha256(entry.body).hexdigest())
        if entry.name in bins:
            bins[entry.name] = replace(
                bins[entry.name], problem="Two photos have this name. Give each its own name."
            )
        elif entry.problem:
            bins[entry.name] = replace(one, problem=entry.problem)
        elif (same := first.setdefault(one.sha256, entry.name)) != entry.name:
            problem = f"It is the same photo as {same}, which is looked at once."
            bins[entry.name] = replace(one, problem=problem)
        else:
            bins[entry.name] = _write(folder, one, entry)
    if not bins:
        raise UploadError(
            "There is no photo in it. Photos are .jpg, .jpeg or .png files, in a folder or a ZIP "
            "file."
        )
    ordered = sorted(bins.values(), key=lambda one: one.name)
    return [replace(one, number=number) for number, one in enumerate(ordered, 1)], tables


def _write(folder: Path, one: Bin, entry: Entry) -> Bin:
    if not entry.body:
        return replace(one, problem="The file is empty. Copy it again.")
    try:
        prepared = photo.prepare(entry.name, entry.body).photo
    except photo.PhotoUnusableError as error:
        return replace(one, problem=plain(str(error).removeprefix(f"{entry.name}: ")))
    suffix = ".png" if prepared.content_type == "image/png" else ".jpg"
    file = f"{PHOTOS}/{one.number:04}{suffix}"
    (folder / file).write_bytes(prepared.body)
    return replace(one, file=file)


def _read_table(folder: Path, tables: Mapping[str, bytes]) -> Records:
    """The records of the one table that has some.

    Raises:
        UploadError: There is none, or more than one, or it cannot be read.
    """
    found: dict[str, Records] = {}
    problems = []
    path = folder / "records.csv"
    for name, body in tables.items():
        path.write_bytes(body)
        try:
            found[name] = records.read_table(path, records.RECORDS)
        except RecordsError as error:
            text = str(error).removeprefix(f"{records.RECORDS}: ").replace(str(path), name)
            problems.append(re.sub("^the ", "The ", text))
    path.unlink(missing_ok=True)
    if len(found) > 1:
        raise UploadError(f"There are several CSV files of records: {', '.join(found)}. Keep one.")
    if problems and not found:
        raise UploadError(" ".join(problems))
    if not found:
        raise UploadError(
            "There is no CSV file of records. Its first line names the columns image and "
            "expected_quantity, and each further line is the record of one photo."
        )
    return next(iter(found.values()))


def _with_records(bins: list[Bin], found: Records) -> tuple[list[Bin], list[str]]:
    """The bins with their records, and the names on record of which there is no photo.

    A table may name photos by their path, by the path below the folder of all, or by file names.

    Raises:
        UploadError: The table names none of the photos.
    """
    names = _best_names([one.name for one in bins], found)
    if not names:
        raise UploadError(
            f"The CSV file names none of the photos. Its column image holds {min(found)!r:.60}, "
            f"and there are photos such as {bins[0].name!r:.60}. Give both the same names."
        )
    joined = []
    for one in bins:
        known = found.get(names.get(one.name, ""))
        if known is None:
            joined.append(replace(one, problem=one.problem or NO_RECORD))
            continue
        quantity = known.quantity
        if quantity is None:
            quantity = record.parse(known.items).quantity
        joined.append(replace(one, quantity=quantity, items=known.items))
    return joined, sorted(set(found) - set(names.values()))


def _best_names(photos: list[str], found: Records) -> dict[str, str]:
    """The name in the table of each photo that it names."""
    folder = upload.common_folder(photos)

    def shortened(shorten: Callable[[str], str]) -> dict[str, str]:
        short = {name: shorten(name) for name in photos}
        seen = Counter(short.values())
        return {name: text for name, text in short.items() if text in found and seen[text] == 1}

    ways = (
        shortened(lambda name: name),
        shortened(lambda name: name.removeprefix(folder)),
        shortened(lambda name: name.rpartition("/")[2]),
    )
    return max(ways, key=len)
