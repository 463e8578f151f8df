"""A shift's work: bins with photos and stock records, in a folder of this machine.

`SHIFTS/ID/` holds shift.json (the bins), photos/, answers.jsonl (what the endpoint answered, a line
for each bin as it comes) and, once every bin is answered, the empty file counted. Only its owner
may read it. What people decide is not here but in S3 (audit_log.py).
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.serving.stock_record import StockRecord

ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
INCOMING = ".incoming-"  # prefix of a folder that is not a shift yet
SHIFT, ANSWERS, COUNTED, PHOTOS = "shift.json", "answers.jsonl", "counted", "photos"


@dataclass(frozen=True)
class Bin:
    """One photo of a shift, and its stock record.

    Attributes:
        number: From 1 on, in the order of the names.
        name: The photo's path below the folder or ZIP file.
        file: The photo in the shift's folder; "" if it cannot be used.
        sha256: Of the bytes that were uploaded.
        quantity: How many items it should hold, by the record.
        items: The items on record; None where only the quantity is known.
        problem: Why the endpoint is not asked, as a sentence; "" if it is.
    """

    number: int
    name: str
    file: str = ""
    sha256: str = ""
    quantity: int = 0
    items: Any = None
    problem: str = ""

    @property
    def stock_record(self) -> StockRecord:
        """The record as it is sent."""
        return StockRecord(self.items, self.quantity)


@dataclass(frozen=True)
class Answer:
    """What the endpoint answered about one bin, or why it has no answer.

    Attributes:
        number: The bin's.
        answer: The endpoint's answer; empty if there is none.
        problem: Why there is none, as a sentence.
        model_package: The ARN of the model that answered; None if it is not known.
    """

    number: int
    answer: Mapping[str, Any]
    problem: str = ""
    model_package: str | None = None

    @property
    def verdict(self) -> str:
        """pass, look or cannot_judge; "" without one."""
        return str(self.answer.get("verdict", ""))


@dataclass
class _Known:
    """What was read of a file of answers, up to a byte."""

    read: int = 0
    answers: dict[int, Answer] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Shift:
    """A shift.

    Attributes:
        folder: Where it is.
        id: Its id, which begins with its time.
        name: As a person calls it.
        who: The name of the person who uploaded it.
        when: The time in UTC.
        share: The share of the bins that pass which are looked at.
        bins: All photos, those that cannot be used included.
        without_photo: Names on record of which there is no photo.
    """

    folder: Path
    id: str
    name: str
    who: str
    when: str
    share: float
    bins: tuple[Bin, ...]
    without_photo: tuple[str, ...] = ()
    _known: _Known = field(default_factory=_Known, compare=False, repr=False)

    @cached_property
    def to_ask(self) -> tuple[Bin, ...]:
        """The bins that the endpoint is asked about."""
        return tuple(one for one in self.bins if not one.problem)

    @property
    def made(self) -> datetime:
        """When it was uploaded."""
        return datetime.fromisoformat(self.when)

    @property
    def title(self) -> str:
        """Its name, or its time."""
        return self.name or f"Shift of {self.made.astimezone():%d %B %Y, %H:%M}"

    @property
    def is_counted(self) -> bool:
        """Whether every bin has its answer, and the totals are in S3."""
        return (self.folder / COUNTED).exists()

    def find(self, number: int) -> Bin | None:
        """The bin of a number; None if there is none."""
        return self.bins[number - 1] if 1 <= number <= len(self.bins) else None

    def answers(self) -> Mapping[int, Answer]:
        """The answers until now, by the bins' numbers. Only new lines of the file are read."""
        with self._known.lock, contextlib.suppress(FileNotFoundError):
            with (self.folder / ANSWERS).open("rb") as file:
                file.seek(self._known.read)
                *lines, rest = file.read().split(b"\n")
                self._known.read = file.tell() - len(rest)
            for line in lines:
                with contextlib.suppress(ValueError, TypeError):  # cut off by a power failure
                    answer = Answer(**json.loads(line))
                    self._known.answers.setdefault(answer.number, answer)
        return dict(self._known.answers)

    def add(self, answer: Answer) -> None:
        """Keep an answer."""
        line = json.dumps(asdict(answer))
        # A line that was cut off ends here; an empty line is ignored.
        with (self.folder / ANSWERS).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")

    def finish(self) -> None:
        """Mark it as counted."""
        (self.folder / COUNTED).touch(mode=0o600)


def load(folder: Path) -> Shift:
    """Read a shift.

    Raises:
        OSError, ValueError, KeyError, TypeError: There is none, or it is damaged.
    """
    values = json.loads((folder / SHIFT).read_text(encoding="utf-8"))
    values["bins"] = tuple(Bin(**one) for one in values["bins"])
    values["without_photo"] = tuple(values["without_photo"])
    return Shift(folder=folder, **values)


def remove_old(folder: Path, days: int, now: datetime | None = None) -> None:
    """Delete the shifts that are older than so many days, and uploads that were never finished.

    A shift is kept for a day at least.
    """
    now = now or datetime.now(UTC)
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):
            age = now.timestamp() - path.stat().st_mtime
            if ID.fullmatch(path.name):
                made = datetime.strptime(path.name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
                age = (now - made).total_seconds()
            elif not path.name.startswith(INCOMING):
                continue
            limit = max(days, 1) if ID.fullmatch(path.name) else 1
            if age > limit * 86400:
                shutil.rmtree(path, ignore_errors=True)
