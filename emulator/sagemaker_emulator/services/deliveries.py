"""What is handed over to other services in the background: kept on disk, tried again and again.

What a target refuses for good, or what its retries and its age do not allow to be tried again, is
sent to the queue for dead letters that the sender names, and reported to the sender.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import targets
from sagemaker_emulator.services.background import Background
from sagemaker_emulator.services.schedules.schedule_targets import ATTEMPT
from sagemaker_emulator.services.topics import http_subscribers
from sagemaker_emulator.storage.store import Document

_KIND = "delivery"
_EARLIER_KIND = "dead-letter"  # of a state of 0.1
# Seconds before the next try: they double, as AWS's do, from a start that suits one machine.
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
_THROTTLED = ("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")
# AWS's code in a dead letter, by the code of the target's refusal.
_CODES = {
    "AccessDeniedException": "NO_PERMISSIONS",
    "ResourceNotFoundException": "NO_RESOURCE",
    "ResourceNotFound": "NO_RESOURCE",
    "AWS.SimpleQueueService.NonExistentQueue": "NO_RESOURCE",
    "QueueDoesNotExist": "NO_RESOURCE",
    "NotFound": "NO_RESOURCE",
    "ValidationException": "INVALID_PARAMETER",
}
_log = logging.getLogger("emulator.deliveries")


@dataclass(frozen=True)
class Ended:
    """How a delivery ended.

    Attributes:
        delivery: What was to be delivered.
        attempts: How often it was tried.
        milliseconds: How long the last try took.
        response: What the target returned, as JSON.
        problem: Why it was given up; None where it was delivered.
        exhausted: What did not allow another try, as AWS names it; empty for a final refusal.
    """

    delivery: Document
    attempts: int
    milliseconds: int = 0
    response: str = ""
    problem: Exception | None = None
    exhausted: str = ""

    @property
    def error(self) -> dict[str, str]:
        """The code and message of a dead letter's attributes."""
        if self.problem is None:
            return {}
        own = self.delivery["DeadLetters"].get("Codes") == "of the target"
        if isinstance(self.problem, ApiError) and own:
            return {"ERROR_CODE": self.problem.code, "ERROR_MESSAGE": self.problem.message}
        if isinstance(self.problem, ApiError):
            code = _CODES.get(self.problem.code, "ERROR_FROM_TARGET")
            return {"ERROR_CODE": code, "ERROR_MESSAGE": self.problem.message}
        message = f"{type(self.problem).__name__}: {self.problem}"
        return {"ERROR_CODE": "INTERNAL_ERROR", "ERROR_MESSAGE": message}


@dataclass
class Deliveries:
    """The deliveries of one server.

    Attributes:
        reports: Who is told how a delivery ended, by the `Origin.Kind` of the delivery.
    """

    context: Context
    reports: dict[str, Callable[[Ended], None]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._background = Background(self._deliver)

    def start(self) -> None:
        """Continue what the previous server had not delivered."""
        store = self.context.store
        for delivery in store.list(_KIND):
            self._background.begin(delivery["Id"])
        for letter in store.list(_EARLIER_KIND):  # they begin as they are sent
            with store.transaction():
                self.send_dead_letter(letter["Queue"], letter["Body"], letter["Attributes"])
                store.delete(_EARLIER_KIND, letter["Id"])

    def stop(self) -> None:
        """Leave what has not been delivered for the next server."""
        self._stopping.set()

    def send(
        self,
        arn: str,
        body: str,
        options: Mapping[str, Any],
        *,
        origin: Mapping[str, Any] | None = None,
        most_retries: int | None = None,
        most_age: float | None = None,
        dead_letters: Mapping[str, Any] | None = None,
        attempts: int = 0,
    ) -> str:
        """Deliver something, soon; it may be called in a transaction.

        Args:
            arn: What it is for; or an address that begins with `http`.
            body: What is sent.
            options: As `targets.send` takes them.
            origin: Who sends it, with its `Kind`; what `reports` gets back.
            most_retries: How often it is tried again; None: until it is too old.
            most_age: Seconds after which it is given up; None: never.
            dead_letters: The `Arn` of the queue, the `Body` and the `Attributes` of a letter about
                it; the reasons are added: with EventBridge's codes, or those "of the target" where
                `Codes` says so.
            attempts: How often it has been tried already.

        Returns:
            Its id.
        """
        identity = str(uuid.uuid4())
        delivery: Document = {
            "Id": identity,
            "Arn": arn,
            "Body": body,
            "Options": dict(options),
            "Origin": dict(origin or {}),
            "Retries": most_retries,
            "Age": most_age,
            "DeadLetters": dict(dead_letters or {}),
            "Accepted": time.time(),
            "Attempts": attempts,
        }
        self.context.store.put(_KIND, identity, delivery)
        self._background.begin(identity)
        return identity

    def send_dead_letter(self, arn: str, body: str, attributes: Mapping[str, str | int]) -> None:
        """Send a letter to the queue or topic of this ARN; it may be called in a transaction."""
        self.send(arn, body, {"Attributes": dict(attributes)}, origin={"Kind": "dead letter"})

    def give_up(self, ended: Ended) -> None:
        """Send the dead letter of what cannot be delivered; it may be called in a transaction."""
        letter = ended.delivery.get("DeadLetters")
        if not letter:
            return
        attributes: dict[str, str | int] = {**letter["Attributes"], **ended.error}
        attributes["RETRY_ATTEMPTS"] = str(max(0, ended.attempts - 1))
        if ended.exhausted:
            attributes["EXHAUSTED_RETRY_CONDITION"] = ended.exhausted
        self.send_dead_letter(letter["Arn"], letter["Body"], attributes)

    def _deliver(self, identity: str) -> None:
        """Try until the target has it, refuses it, it is given up, or the server stops."""
        while not self._stopping.is_set():
            try:
                wait = self._try(identity)
            except sqlite3.OperationalError:  # what became of it cannot be kept: it is tried again
                _log.exception("delivery %s", identity)
                wait = LONGEST_WAIT
            if wait is None:
                return
            self._stopping.wait(wait)

    def _try(self, identity: str) -> float | None:
        """Try once, and return for how long to wait before the next time; None if it is over."""
        store = self.context.store
        delivery = store.get(_KIND, identity)
        if delivery is None:  # what kept it was undone
            return None
        begin = time.monotonic()
        response, problem = "", None
        try:
            response = self._hand_over(delivery)
        except Exception as error:
            problem = error
        if problem is not None and self._stopping.is_set():
            return None  # the end of the server may have caused it
        attempts, milliseconds = delivery["Attempts"] + 1, round((time.monotonic() - begin) * 1000)
        wait: float = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(delivery["Attempts"], 10))
        exhausted = _exhausted(delivery, attempts, wait) if problem else ""
        if problem is not None and is_passing(problem) and not exhausted:
            store.update(_KIND, identity, Attempts=attempts)
            return wait
        ended = Ended(delivery, attempts, milliseconds, response, problem, exhausted)
        with store.transaction():
            if store.delete(_KIND, identity) and problem is not None:
                _log.error("%s: given up: %s", delivery["Arn"], problem)
                self.give_up(ended)
        self._report(ended)
        return None

    def _hand_over(self, delivery: Document) -> str:
        arn, body, options = delivery["Arn"], delivery["Body"], delivery["Options"]
        if delivery["Origin"].get("Kind") == "schedule":
            body = body.replace(ATTEMPT, str(delivery["Attempts"] + 1))
        if arn.startswith("http"):
            return http_subscribers.post(arn, body, options)
        return targets.send(self.context, arn, body, options)

    def _report(self, ended: Ended) -> None:
        report = self.reports.get(ended.delivery["Origin"].get("Kind", ""))
        if report is None:
            return
        try:
            report(ended)
        except Exception:
            _log.exception("%s: how its delivery ended is not kept", ended.delivery["Arn"])


def is_passing(problem: Exception) -> bool:
    """Whether what a target said may be otherwise the next time: what AWS tries again."""
    if isinstance(problem, ApiError):
        return problem.status >= 500 or problem.code in _THROTTLED
    return isinstance(problem, OSError | sqlite3.OperationalError)  # a full disk, for example


def _exhausted(delivery: Document, attempts: int, wait: float) -> str:
    """What does not allow another try after a wait, as AWS names it; empty if nothing."""
    if delivery["Retries"] is not None and attempts > delivery["Retries"]:
        return "MaximumRetryAttempts"
    if delivery["Age"] is not None and time.time() + wait > delivery["Accepted"] + delivery["Age"]:
        return "MaximumEventAgeInSeconds"
    return ""
