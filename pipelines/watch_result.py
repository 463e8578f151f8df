"""What the watch step writes: the only file here that knows the keys of its watch.json."""

import json
from dataclasses import dataclass
from typing import Any

FILE = "watch.json"
PAGE = "watch.html"
# What the pipeline's own steps read of it, as paths for JsonGet.
CHANGES = "changes"
SENTENCE = "sentence"


@dataclass(frozen=True)
class Check:
    """One check, with the texts that show it."""

    name: str
    raised: bool
    value: float
    chance: float
    words: str
    sentence: str


@dataclass(frozen=True)
class WatchResult:
    """What a run found.

    Attributes:
        status: `steady`, `changed` or `unknown`.
        sentence: The result in words.
        answers: How many answers were compared.
        checks: In the order of the step.
        advice: What to do, where something has changed.
        document: The whole content.
    """

    status: str
    sentence: str
    answers: int
    checks: tuple[Check, ...]
    advice: tuple[str, ...]
    document: dict[str, Any]


def read(content: bytes) -> WatchResult:
    """Read the content of a watch.json."""
    document = json.loads(content)
    checks = tuple(
        Check(*(one[key] for key in ("name", "raised", "value", "chance", "words", "sentence")))
        for one in document["checks"]
    )
    return WatchResult(
        document["status"],
        document["sentence"],
        document["answers"],
        checks,
        tuple(f"{one['title']}. {one['do']}" for one in document["advice"]),
        document,
    )
