"""Captured answers as SageMaker writes them, and made-up answers."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from watching import baseline
from watching.baseline import Baseline
from watching.measures import Answer

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MODEL = "3f9a1c0b77d2"


def line(answer: object, when: datetime = NOW) -> str:
    """A line of a capture file whose endpoint captures its output alone."""
    document: dict[str, Any] = {
        "captureData": {
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": json.dumps(answer),
                "encoding": "JSON",
            }
        },
        "eventMetadata": {
            "eventId": "47c9e5f3-8a0c-4b44-8f44-7f7b5e8d2f3c",
            "inferenceTime": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "eventVersion": "0",
    }
    return json.dumps(document)


def write(folder: Path, answers: Sequence[Answer], end: datetime = NOW) -> None:
    """Capture files of an endpoint `tally`: one answer a minute, the last a minute before `end`."""
    by_hour: dict[datetime, list[str]] = {}
    for index, answer in enumerate(answers):
        when = end - timedelta(minutes=len(answers) - index)
        by_hour.setdefault(when.replace(minute=0, second=0), []).append(line(answer, when))
    for hour, lines in by_hour.items():
        file = folder / "tally" / "AllTraffic" / hour.strftime("%Y/%m/%d/%H") / "00-00.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")


def answer(
    count: int = 3, expected: int | None = 3, brightness: float = 0.5, model: str = MODEL
) -> dict[str, Any]:
    """An answer about one photo."""
    made: dict[str, Any] = {
        "count": count, "or_more": False, "confidence": 0.8,
        "probabilities": {str(one): 0.8 if one == count else 0.05 for one in range(1, 6)},
        "expected_count": float(count), "looks_like_a_bin": True,
        "model": model, "input": {"brightness": brightness, "strangeness": 2.0},
    }  # fmt: skip
    if expected is not None:
        agree = count == expected
        made |= {"expected_quantity": expected, "verdict": "pass" if agree else "look"}
    return made


def answers(number: int, seed: int = 0, darker: float = 1.0, right: float = 0.8) -> list[Answer]:
    """Answers about bins of 1 to 5 with right records, of which a share is counted right."""
    generator = np.random.default_rng(seed)
    made: list[Answer] = []
    for _ in range(number):
        truth = int(generator.integers(1, 6))
        count = truth if generator.random() < right else truth % 5 + 1
        made.append(answer(count, truth, darker * float(generator.beta(8, 8))))
    return made


def known(test: Sequence[Answer]) -> Baseline:
    """The baseline of a model that answered so to the test photos."""
    truth = [str(one["expected_quantity"]) for one in test]
    return baseline.describe(truth, test, test, 0.1)
