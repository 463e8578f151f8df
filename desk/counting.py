"""Asks the endpoint about the bins of a shift, in the background, and continues after a restart."""

from __future__ import annotations

import fcntl
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from desk import totals
from desk.service import Connection, Service
from desk.shift import Answer, Bin, Shift
from model_registry import endpoint as endpoints
from model_registry.errors import RegistryError
from pipelines.display.error_messages import explain
from pipelines.errors import UserError
from pipelines.serving import photo as photos
from pipelines.serving import prediction
from pipelines.serving.prediction import RefusedError

AT_ONCE = 4  # requests
CHUNK = 20  # bins, after which it is asked again which model serves
LOCK = "lock"
REFUSAL = re.compile(r"^.*?: the model answered \d+: (?P<reason>.*?)(?: \(Log: .*\))?$", re.DOTALL)
EXPECTED = (UserError, RegistryError, ClientError, BotoCoreError, OSError)


@dataclass(frozen=True)
class Progress:
    """How far a shift is.

    Attributes:
        done: How many bins have an answer, or the reason why they have none.
        of: How many are asked about.
        problem: Why it does not continue, as a sentence; "" if it does.
        is_counted: Whether all are answered, and the totals are kept.
    """

    done: int
    of: int
    problem: str
    is_counted: bool


@dataclass
class Counting:
    """The shifts that are being counted by this desk.

    Attributes:
        service: The target.
    """

    service: Service
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _problems: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, shift: Shift) -> None:
        """Count a shift, or the rest of it, unless that is done already."""
        with self._lock:
            running = self._threads.get(shift.id)
            if shift.is_counted or (running and running.is_alive()):
                return
            self._problems.pop(shift.id, None)
            thread = threading.Thread(target=self._run, args=(shift,), daemon=True)
            self._threads[shift.id] = thread
            thread.start()

    def progress(self, shift: Shift) -> Progress:
        """How far it is."""
        problem = self._problems.get(shift.id, "")
        return Progress(len(shift.answers()), len(shift.to_ask), problem, shift.is_counted)

    def _run(self, shift: Shift) -> None:
        try:
            with _locked(shift.folder / LOCK) as alone:
                if alone:
                    self._count(shift)
        except Exception as error:  # shown on the shift's page, with a button to continue
            self.service.forget()
            if not shift.folder.exists():  # it was deleted meanwhile
                return
            message = explain(error)
            if message is None and not isinstance(error, EXPECTED):
                traceback.print_exception(error, file=sys.stderr)
            self._problems[shift.id] = message or f"{type(error).__name__}: {error}"

    def _count(self, shift: Shift) -> None:
        answered = shift.answers()
        left = [one for one in shift.to_ask if one.number not in answered]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for first in range(0, len(left), CHUNK):
                connection = self.service.connect()
                before = _package(connection)
                chunk = left[first : first + CHUNK]
                asked = list(pool.map(partial(_try, connection, shift), chunk))
                package = before if _package(connection) == before else None
                for answer in asked:
                    if isinstance(answer, Answer):
                        shift.add(replace(answer, model_package=package))
                for one, error in zip(chunk, asked, strict=True):
                    if not isinstance(error, Answer):
                        shift.add(_again(connection, shift, one, error))
        connection = self.service.connect()
        totals.write(connection.s3, connection.settings.bucket_name, shift)
        shift.finish()


def plain(message: str) -> str:
    """The reason in an endpoint's refusal of a photo, as a sentence for a person."""
    found = REFUSAL.match(message)
    reason = (found["reason"] if found else message).strip().rstrip(".")
    return f"The model cannot read this photo: {reason}."


def _try(connection: Connection, shift: Shift, one: Bin) -> Answer | Exception:
    """Ask about one bin; an error of the endpoint is returned, as the others are still asked."""
    try:
        return _ask(connection, shift, one)
    except EXPECTED as error:
        return error


def _again(connection: Connection, shift: Shift, one: Bin, error: Exception) -> Answer:
    """Ask again about a bin for which the endpoint failed.

    Where it fails for this bin alone, it would never be finished: that is this bin's result.

    Raises:
        The error, if the endpoint has no answer for others either.
    """
    again = _try(connection, shift, one)
    if isinstance(again, Answer):
        return again
    answered = shift.answers()
    good = next(
        (b for b in shift.to_ask if b.number in answered and answered[b.number].answer), None
    )
    if good is None or isinstance(_try(connection, shift, good), Exception):
        raise error
    return Answer(one.number, {}, "The model failed on this photo. Take it again.")


def _ask(connection: Connection, shift: Shift, one: Bin) -> Answer:
    """Ask about one bin; a refused photo is an answer, too.

    Raises:
        RegistryError, ClientError, BotoCoreError: The endpoint has no answer.
    """
    record = one.stock_record
    only_quantity = record.items is None
    try:
        photo = photos.load(shift.folder / one.file)
        answer = prediction.predict(
            connection.session,
            connection.settings.endpoint,
            photo,
            record.quantity if only_quantity else None,
            None if only_quantity else record,
            connection.runtime,
        ).answer
    except (RefusedError, photos.PhotoError) as error:
        return Answer(one.number, {}, plain(str(error)))
    if not answer.get("verdict"):
        return Answer(one.number, answer, "The model gives no verdict on it.")
    return Answer(one.number, answer)


@contextmanager
def _locked(file: Path) -> Iterator[bool]:
    """Whether this process alone has the lock until the end."""
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _package(connection: Connection) -> str | None:
    current = endpoints.read(connection.sagemaker, connection.settings.endpoint)
    return current.model.package if current else None
