"""A model's answers for the validation images of its split, computed as the endpoint does."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import repository  # noqa: F401 makes steps/ importable
from numpy.typing import NDArray

import decision
import engine
import pixels
from counts import Classes
from evaluation import testset

BATCH = 50


@dataclass(frozen=True)
class Answers:
    """Answers to images whose counts are known.

    Attributes:
        probabilities: float (n, classes), at the model's temperature.
        truth: The true counts (n).
        classes: The counts that the model can answer.
    """

    probabilities: NDArray[Any]
    truth: NDArray[Any]
    classes: list[int]

    @property
    def off(self) -> NDArray[Any]:
        """The difference (n) between each answer and the truth, in items."""
        answers = np.array(self.classes)[decision.decide(self.probabilities, self.classes)]
        return np.asarray(np.abs(answers - self.truth))

    @property
    def errors(self) -> NDArray[Any]:
        """The expected count minus the truth (n)."""
        return np.asarray(self.probabilities @ np.array(self.classes) - self.truth)

    @property
    def log_losses(self) -> NDArray[Any]:
        """The log loss of each image (n) in nats, comparable across training losses."""
        right = np.searchsorted(self.classes, self.truth)
        return np.asarray(-np.log(self.probabilities[np.arange(len(right)), right].clip(1e-12)))


def answered(model: Path, validation: Path) -> Answers:
    """A model's answers for a folder of images by count."""
    settings = json.loads((model / "model.json").read_text())
    loaded, size = engine.load(model, settings), int(settings["image_size"])
    classes = [int(count) for count in settings["classes"]]
    or_more = bool(settings.get("or_more", False))
    known = Classes(tuple(classes), or_more)
    images = [one for one in testset.find(validation) if known.of(one.count) is not None]
    rows = [
        loaded.run(np.stack([pixels.decode(one.path.read_bytes(), size) for one in batch])).photo
        for batch in (images[start : start + BATCH] for start in range(0, len(images), BATCH))
    ]
    return Answers(np.concatenate(rows), np.array([known.of(one.count) for one in images]), classes)


def joined(answers: list[Answers]) -> Answers:
    """The answers of several splits together."""
    return Answers(
        np.concatenate([one.probabilities for one in answers]),
        np.concatenate([one.truth for one in answers]),
        answers[0].classes,
    )
