"""The answers that the endpoint's data capture keeps, as SageMaker writes them.

Each line of `<endpoint>/<variant>/yyyy/mm/dd/hh/<name>.jsonl` is one invocation ("Capture data from
real-time endpoint", SageMaker's developer guide). Only the output is captured: no photo is there.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watching.measures import Answer

NEEDED = ("count", "or_more", "confidence", "probabilities", "looks_like_a_bin")


@dataclass
class Captured:
    """What was captured in a window of time.

    Attributes:
        answers: with the time of each, in UTC.
        outside: lines of another time.
        unreadable: lines that are no captured answer.
    """

    answers: list[tuple[datetime, Answer]] = field(default_factory=list)
    outside: int = 0
    unreadable: int = 0


def read(folder: Path, since: datetime, until: datetime) -> Captured:
    """Read what an endpoint's variant answered from `since` until before `until`.

    Args:
        folder: of one variant; it may be missing.
        since: with a time zone.
        until: the same.
    """
    found = Captured()
    for file in sorted(folder.rglob("*.jsonl")):
        with file.open("rb") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    when, answers = parse(line)
                except ValueError:
                    found.unreadable += 1
                    continue
                if since <= when < until:
                    found.answers += [(when, answer) for answer in answers]
                else:
                    found.outside += 1
    found.answers.sort(key=lambda one: one[0])
    return found


def parse(line: bytes | str) -> tuple[datetime, list[Answer]]:
    """The time of one captured invocation, and its answers: one, but for a batch.

    Raises:
        ValueError: it is no captured answer of a Tally endpoint.
    """
    try:
        document = json.loads(line)
        output = document["captureData"]["endpointOutput"]
        data = output["data"]
        if output["encoding"] == "BASE64":
            data = base64.b64decode(data, validate=True)
        content = json.loads(data)
        when = datetime.fromisoformat(
            document["eventMetadata"]["inferenceTime"].replace("Z", "+00:00")
        )
    except (KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise ValueError(f"this is no captured answer: {error!r}") from error
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    answers = content if isinstance(content, list) else [content]
    return when, list(_checked(answers))


def _checked(answers: list[Any]) -> Iterator[Answer]:
    for answer in answers:
        if not isinstance(answer, dict) or any(name not in answer for name in NEEDED):
            raise ValueError(f"this is no answer of a Tally endpoint: {answer!r:.80}")
        yield answer
