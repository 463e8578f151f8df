"""What a trained model answers for the validation images of its split, as it would be served."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "steps"))

import numpy as np

import engine
import pixels
from evaluation import testset

BATCH = 50


@dataclass(frozen=True)
class Answers:
    """Answers to images whose counts are known.

    Attributes:
        probabilities: float (n, classes), at the model's temperature.
        truth: counts (n).
        classes: the counts that can be answered.
    """

    probabilities: np.ndarray
    truth: np.ndarray
    classes: list[int]

    @property
    def off(self) -> np.ndarray:
        """How many items each answer (n) is away from the truth."""
        answers = np.array(self.classes)[engine.decide(self.probabilities, self.classes)]
        return np.abs(answers - self.truth)

    @property
    def errors(self) -> np.ndarray:
        """Expected count less the truth (n)."""
        return self.probabilities @ np.array(self.classes) - self.truth

    @property
    def log_losses(self) -> np.ndarray:
        """Of each image (n), in nats: comparable across models, whatever they were trained by."""
        right = np.searchsorted(self.classes, self.truth)
        return -np.log(self.probabilities[np.arange(len(right)), right].clip(1e-12))


def answered(model: Path, validation: Path) -> Answers:
    """Let a model answer a folder of images by count."""
    settings = json.loads((model / "model.json").read_text())
    loaded, size = engine.load(model, settings), int(settings["image_size"])
    classes = [int(count) for count in settings["classes"]]
    images = [one for one in testset.find(validation) if one.count in classes]
    rows = [
        loaded.run(np.stack([pixels.decode(one.path.read_bytes(), size) for one in batch]))
        for batch in (images[start : start + BATCH] for start in range(0, len(images), BATCH))
    ]
    return Answers(np.concatenate(rows), np.array([one.count for one in images]), classes)


def joined(answers: list[Answers]) -> Answers:
    """Those of several splits as one."""
    return Answers(
        np.concatenate([one.probabilities for one in answers]),
        np.concatenate([one.truth for one in answers]),
        answers[0].classes,
    )
