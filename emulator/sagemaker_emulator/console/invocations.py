"""The invocations of a Lambda function, from the lines that Lambda logs for each."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console import log_view
from sagemaker_emulator.console.pages import context_of
from sagemaker_emulator.services.logs.log_files import group_folder

_MOST_LINES = 5000
_START = re.compile(r"START RequestId: (\S+) Version: (\S+)")
_REPORT = re.compile(r"REPORT RequestId: (\S+)\tDuration: ([\d.]+) ms")
_STATUS = re.compile(r"\tStatus: (error|timeout)(?:\tError Type: (.*))?")
_WORDS = {"error": "Failed", "timeout": "Timed out"}


@dataclass(frozen=True)
class Invocation:
    """One try of an invocation.

    Attributes:
        request_id: Its RequestId; all tries of an asynchronous one have the same.
        version: The version of the function.
        ended: Seconds since the epoch.
        seconds: How long it ran.
        outcome: Succeeded, Failed or Timed out.
        error: The type of the error.
        lines: What it logged between START and END.
    """

    request_id: str
    version: str
    ended: float
    seconds: float
    outcome: str
    error: str
    lines: list[str]


def recent(request: Request, group: str) -> list[Invocation]:
    """The latest invocations of the function that logs to a group, the last one first."""
    events, _ = log_view.tail(request, group, limit=_MOST_LINES)
    return parsed(events)[::-1]


def changes(request: Request, group: str) -> int:
    """A number that differs when there was another invocation: each has a stream of its own."""
    try:
        return group_folder(context_of(request).state / "logs", group).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def parsed(events: Iterable[dict[str, Any]]) -> list[Invocation]:
    """The whole invocations among the events of a log, in order."""
    found: list[Invocation] = []
    open_id, version, lines = "", "", list[str]()
    for event in events:
        message = event["message"]
        if start := _START.fullmatch(message):
            open_id, version = start.groups()
            lines = []
        elif (report := _REPORT.match(message)) and report[1] == open_id:
            status = _STATUS.search(message)
            outcome = _WORDS[status[1]] if status else "Succeeded"
            error = (status[2] or "") if status else ""
            ended, seconds = event["timestamp"] / 1000, float(report[2]) / 1000
            found.append(Invocation(open_id, version, ended, seconds, outcome, error, lines))
            open_id = ""
        elif open_id and message != f"END RequestId: {open_id}":
            lines.append(message)
    return found
