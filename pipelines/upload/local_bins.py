"""The bins of a local folder, looked at before anything of it is uploaded."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.steps import bin_files, counts, file_names, record
from pipelines.upload.errors import UploadError
from pipelines.upload.file_list import FileList
from pipelines.upload.objects import name_problem

MAX_LISTED = 5  # files in one message
LEAST = 3  # bins of each class: train, validation and test have one each


@dataclass(frozen=True)
class LocalBins:
    """A local folder and the bins in it."""

    folder: Path
    bins: bin_files.Bins


def look(folder: Path, parameter: str, settings: Settings) -> LocalBins:
    """Find the bins of a folder.

    Args:
        folder: The folder.
        parameter: The parameter that names it, for messages.
        settings: Resolved settings.

    Raises:
        UploadError: There is no such folder, no bin in it, its layout is not understood, or it has
            unreadable files.
    """
    if not folder.is_dir():
        hint = ""
        if folder.resolve() == (ROOT / settings.data.source).resolve():
            hint = (
                f"\nDraw some bins: python -m demo.bins --output {settings.data.source}\n"
                "or use your own: -p DataSource=FOLDER or -p DataSource=s3://BUCKET/PREFIX"
            )
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UploadError(f"{parameter}: {folder} {problem}. {bin_files.LAYOUTS}{hint}")
    try:
        bins = bin_files.find(names(folder), lambda name: _read(folder / name))
    except bin_files.LayoutError as error:
        raise UploadError(f"{parameter}: {folder} cannot be used: {error}") from None
    except OSError as error:
        raise UploadError(f"{parameter}: {folder} cannot be read: {error}.") from None
    _check_files(folder, bins, parameter)
    return LocalBins(folder, bins)


def names(folder: Path) -> Iterator[str]:
    """The names of all files below a folder, with slashes; links to folders are followed once.

    Raises:
        UploadError: A folder cannot be read; without its bins the rest would be another source.
    """
    entered = set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        identity = (status := Path(place).stat()).st_dev, status.st_ino
        if identity in entered:
            folders.clear()
            continue
        entered.add(identity)
        path = Path(place).relative_to(folder)
        folders[:] = sorted(name for name in folders if not file_names.is_hidden(name))
        yield from ((path / name).as_posix() for name in files)


def _refuse(error: OSError) -> NoReturn:
    raise UploadError(f"{error.filename} cannot be read: {error.strerror}.")


def require_usable(
    found: LocalBins, classes: counts.Classes, listing: FileList | None = None
) -> None:
    """Check that Prepare can use the bins, as far as their names, tables and records tell.

    Args:
        found: The bins.
        classes: The classes.
        listing: Only its bins are used.

    Raises:
        UploadError: Too many bins have a flaw, some class has too few, or the file list names none
            of the bins.
    """
    ids = [*found.bins.files, *found.bins.flaws]
    if listing:
        listed = (str(name) for names in listing.names.values() for name in names)
        ids = [identity for identity in map(found.bins.find, listed) if identity is not None]
        if not ids:
            raise UploadError(
                f"FileList: {listing.path} names none of the bins in {found.folder}. Give the "
                "FileList that belongs to this DataSource."
            )
    flaws = [flaw for identity in ids if (flaw := found.bins.flaws.get(identity))]
    if len(flaws) > bin_files.MOST_UNUSABLE * len(ids):
        details = "".join(f"\n  {flaw.reason}: {flaw.detail}" for flaw in flaws[:MAX_LISTED])
        more = f"\n  and {len(flaws) - MAX_LISTED} more" if len(flaws) > MAX_LISTED else ""
        raise UploadError(
            f"DataSource: {len(flaws)} of the {len(ids)} bins in {found.folder} cannot be used, "
            f"and at most {bin_files.MOST_UNUSABLE:.0%} are allowed; repair or remove them:"
            f"{details}{more}"
        )
    _require_every_class(found, classes, ids, " among those of the file list" if listing else "")


def _require_every_class(
    found: LocalBins, classes: counts.Classes, ids: Iterable[str], where: str
) -> None:
    missing = Counter(dict.fromkeys(classes.counts, LEAST))
    seen: Counter[int] = Counter()
    for identity in ids:
        count = _count(found, identity)
        if count is not None:
            seen[count] += 1
            class_ = classes.of(count)
            if class_ is not None:
                missing[class_] -= 1
        if max(missing.values()) <= 0:  # most folders end this after a few files
            return
    few = [classes.words(class_) for class_, number in missing.items() if number > 0]
    counted = ", ".join(f"{count}: {number}" for count, number in sorted(seen.items()))
    raise UploadError(
        f"DataSource: {found.folder} has fewer than {LEAST} bins that hold {' or '.join(few)}"
        f"{where}. Bins by count: {counted or 'none can be read'}. {_advice(seen)}"
    )


def _advice(seen: Counter[int]) -> str:
    """Which classes these bins allow: the longest run of counts that have bins enough."""
    best: list[int] = []
    run: list[int] = []
    for count in sorted(count for count, number in seen.items() if number >= LEAST):
        run = [*run, count] if run and count == run[-1] + 1 else [count]
        best = max(best, run, key=len)
    if len(best) < 2 or best[-1] > counts.LARGEST:
        return "Add bins."
    return f"Choose other classes (-p Classes={best[0]}-{best[-1]}), or add bins."


def _count(found: LocalBins, identity: str) -> int | None:
    """How many items a bin holds; None if it cannot be used, which Prepare reports."""
    file = found.bins.files.get(identity)
    if file is None:
        return None
    if not file.record:
        return file.count
    try:
        return bin_files.read_record(_read(found.folder / file.record))[0].quantity
    except (record.RecordError, OSError):
        return None


def _read(file: Path) -> bytes:
    """A file's content; nothing of what is no regular file, as reading a pipe would never end."""
    return file.read_bytes() if file.is_file() else b""


def _check_files(folder: Path, bins: bin_files.Bins, parameter: str) -> None:
    """Refuse unreadable files before anything is sent."""
    found = ((name, _file_problem(folder / name, name)) for name in bins.names)
    problems = {name: problem for name, problem in found if problem}
    if problems:
        lines = [f"{parameter}: {folder} has files that cannot be uploaded; fix or move them:"]
        for name, problem in list(problems.items())[:MAX_LISTED]:
            lines.append(f"  {name.encode(errors='replace').decode()}: {problem}")
        if len(problems) > MAX_LISTED:
            lines.append(f"  and {len(problems) - MAX_LISTED} more")
        raise UploadError("\n".join(lines))


def _file_problem(file: Path, name: str) -> str:
    """Why a file cannot be sent, or ""."""
    if not file.is_file():
        if file.is_symlink() and not file.exists():
            return "a link to nothing"
        return "not a regular file"
    return name_problem(name) if os.access(file, os.R_OK) else "not readable"
