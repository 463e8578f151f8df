"""What Prepare knows of each image's bin besides its count: `bins.jsonl` in a channel."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import record
from audit_finding import Finding
from record import Record
from training.environment import TrainingError

NAME = "bins.jsonl"


@dataclass(frozen=True)
class KnownBin:
    """One image's bin.

    Attributes:
        record: its stock record, if the record's items are known.
        further: whether it is of the further source, whose class shares are wrong.
        finding: what an audit found; None if the count is the record's.
    """

    record: Record | None = None
    further: bool = False
    finding: Finding | None = None


UNKNOWN = KnownBin()


def read(folder: Path) -> dict[str, KnownBin]:
    """The bins of a channel by the image's id; empty if Prepare wrote none.

    Raises:
        TrainingError: the file is not as Prepare writes it.
    """
    file = folder / NAME
    if not file.is_file():
        return {}
    known = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            entry = json.loads(line)
            items, further = entry["items"], bool(entry.get("further", False))
            stored = None if items is None else record.stored(items, int(entry["count"]))
            known[str(entry["id"])] = KnownBin(stored, further, Finding.stored(entry.get("audit")))
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"line {number} of {file} is not as Prepare writes it ({error!r}); run Prepare "
                "again, or remove the file to train without stock records"
            ) from error
    return known
