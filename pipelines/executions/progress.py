"""How far a running training is, from the lines that it logs: epoch, step, loss and time left."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_logs.type_defs import GetLogEventsRequestTypeDef

# What steps/train.py prints: how it begins, a step each ten seconds, the end of an epoch.
BEGUN = re.compile(r"\d+ training and \d+ validation images .*?(\d+) epochs?")
RESUMED = re.compile(r"resumed after epoch (\d+) of (\d+); so far:")
STEP = re.compile(r"epoch (\d+): step (\d+) of (\d+), loss ([0-9.]+|nan|inf)")
EPOCH = re.compile(r"epoch=(\d+) .*?validation_accuracy=([0-9.]+)")
READ_SECONDS = 3.0  # between two reads of one log
MOST_PAGES = 5  # of a log, at once


@dataclass
class Training:
    """What the log of one training has shown so far; times are milliseconds of the log's clock."""

    epochs: int = 0
    done: float = 0.0
    shown: str = ""
    begun: tuple[int, float] | None = None
    last: int = 0

    def add(self, milliseconds: int, text: str) -> None:
        """Take note of a line."""
        if found := BEGUN.match(text):
            self.epochs, self.done, self.begun = int(found[1]), 0.0, None
            self.shown = self._of(1)
        elif found := RESUMED.match(text):
            self.done, self.epochs = float(found[1]), int(found[2])
        elif found := STEP.match(text):
            epoch, step, steps = int(found[1]), int(found[2]), int(found[3])
            self.done = epoch - 1 + step / steps
            self.shown = f"{self._of(epoch)}, step {step} of {steps}, loss {found[4]}"
        elif (found := EPOCH.match(text)) and int(found[1]) > self.done - 1:
            # Not an earlier epoch, which a resumed training, or its last line, repeats.
            self.done = float(found[1])
            self.shown = (
                f"{self._of(int(found[1]))} done, validation accuracy {float(found[2]):.3f}"
            )
        else:
            return
        self.last = milliseconds
        if self.begun is None or RESUMED.match(text):
            self.begun = milliseconds, self.done

    def _of(self, epoch: int) -> str:
        return f"epoch {epoch} of {self.epochs}" if self.epochs else f"epoch {epoch}"

    @property
    def seconds_left(self) -> float | None:
        """From the pace so far, validations included; None before there is one."""
        if self.begun is None or not self.epochs:
            return None
        milliseconds, done = self.last - self.begun[0], self.done - self.begun[1]
        if milliseconds <= 0 or done <= 0 or self.done >= self.epochs:
            return None
        return milliseconds / 1000 / done * (self.epochs - self.done)

    def __str__(self) -> str:
        """`epoch 1 of 3, step 120 of 340, loss 1.600, about 4 min left`; "" before the first."""
        left = self.seconds_left
        if not self.shown or left is None:
            return self.shown
        return f"{self.shown}, about {about(left)} left"


@dataclass
class _Log:
    """How far a job's log has been read."""

    stream: str = ""
    token: str = ""
    read_at: float = float("-inf")
    last_line: str = ""
    training: Training = field(default_factory=Training)


class Progress:
    """How far trainings are; each log is read on where the last read ended, every few seconds."""

    def __init__(self, logs: CloudWatchLogsClient, group: str) -> None:
        """Args:
        logs: A boto3 CloudWatch Logs client.
        group: The log group of training jobs.
        """
        self._logs, self._group = logs, group
        self._known: dict[str, _Log] = {}
        self._trials: dict[str, tuple[float, list[tuple[int, str]]]] = {}

    def of(self, job: str) -> str:
        """How far a training job is; its last line where it has not begun to train."""
        log = self._known.setdefault(job, _Log())
        if time.monotonic() - log.read_at >= READ_SECONDS:
            try:
                for milliseconds, text in self._new_lines(job, log):
                    log.training.add(milliseconds, text)
                    log.last_line = text or log.last_line
            except ClientError as error:
                # The group and the stream are created with the first line.
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
            log.read_at = time.monotonic()
        return str(log.training) or log.last_line

    def now(
        self, tuning_job: str, running: Callable[[], list[tuple[int, str]]]
    ) -> list[tuple[int, str]]:
        """The numbers of a tuning job's running trials, and how far each is.

        Args:
            tuning_job: Its name.
            running: Asks SageMaker for the numbers and jobs of the running trials.
        """
        asked_at, trials = self._trials.get(tuning_job, (float("-inf"), []))
        if time.monotonic() - asked_at >= READ_SECONDS:
            trials = running()
            self._trials[tuning_job] = time.monotonic(), trials
        return [(number, self.of(job)) for number, job in trials]

    def _new_lines(self, job: str, log: _Log) -> Iterable[tuple[int, str]]:
        if not log.stream:
            streams = self._logs.describe_log_streams(
                logGroupName=self._group, logStreamNamePrefix=f"{job}/"
            )["logStreams"]
            # The first of several hosts prints how far all of them are.
            log.stream = min((stream["logStreamName"] for stream in streams), default="")
        for _ in range(MOST_PAGES if log.stream else 0):
            request: GetLogEventsRequestTypeDef = {
                "logGroupName": self._group,
                "logStreamName": log.stream,
                "startFromHead": True,
            }
            if log.token:
                request["nextToken"] = log.token
            response = self._logs.get_log_events(**request)
            for event in response["events"]:
                yield event["timestamp"], event["message"].strip()
            at_end = response["nextForwardToken"] == log.token
            log.token = response["nextForwardToken"]
            if at_end or not response["events"]:
                return


def about(seconds: float) -> str:
    """A time to come, as roughly as it is known: `20 s`, `4 min`, `1 h 20 min`."""
    if seconds < 55:
        return f"{max(10, round(seconds / 10) * 10)} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(round(minutes / 10) * 10, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
