"""The shifts of this machine, and the two logs in S3 that belong to them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from desk import shift
from desk.audit_log import AuditLog
from desk.counting import Counting
from desk.service import Service
from desk.shift import Shift
from desk.totals import TotalsLog

KEPT = 20  # shifts in memory
SWEEP_SECONDS = 3600.0


@dataclass
class ShiftStore:
    """The shifts of a folder.

    Attributes:
        folder: Where they are.
        service: The target.
    """

    folder: Path
    service: Service
    _loaded: OrderedDict[str, Shift] = field(default_factory=OrderedDict)
    _swept: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def counting(self) -> Counting:
        """What is being counted."""
        return Counting(self.service)

    @cached_property
    def log(self) -> AuditLog:
        """The log of audits."""
        return AuditLog(
            lambda: self.service.connect().s3,
            lambda: self.service.connect().settings.bucket_name,
        )

    @cached_property
    def totals(self) -> TotalsLog:
        """The totals of counted shifts."""
        return TotalsLog(
            lambda: self.service.connect().s3,
            lambda: self.service.connect().settings.bucket_name,
        )

    def find(self, identity: str) -> Shift | None:
        """The shift of an id; None if there is none, or no more, or if it cannot be read."""
        if not shift.ID.fullmatch(identity) or not (self.folder / identity).is_dir():
            return None
        with self._lock:
            if identity not in self._loaded:
                try:
                    self._loaded[identity] = shift.load(self.folder / identity)
                except (OSError, ValueError, KeyError, TypeError):  # or it is being deleted
                    return None
                if len(self._loaded) > KEPT:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(identity)
            return self._loaded[identity]

    def all(self) -> list[Shift]:
        """Every shift, the newest first."""
        names = sorted((path.name for path in self.folder.glob("[0-9]*")), reverse=True)
        return [found for name in names if (found := self.find(name))]

    def resume(self) -> None:
        """Continue to count the shifts that a restart interrupted."""
        for one in self.all():
            self.counting.start(one)

    def keep_clean(self) -> None:
        """Delete what is too old, now and every hour, also while nobody opens a page."""
        threading.Thread(target=self._sweep_hourly, daemon=True).start()

    def sweep(self, days: int) -> None:
        """Delete what is older than so many days, at most once an hour."""
        with self._lock:
            if self._swept is not None and time.monotonic() < self._swept + SWEEP_SECONDS:
                return
            self._swept = time.monotonic()
        shift.remove_old(self.folder, days)

    def _sweep_hourly(self) -> None:
        hour = threading.Event()
        while True:
            if any(self.folder.glob("[0-9]*")):
                # The target may be out of reach; the next hour is early enough.
                with contextlib.suppress(Exception):
                    self.sweep(self.service.connect().settings.desk.photo_days)
            hour.wait(SWEEP_SECONDS + 1)
