"""What a model is compared with: simpler answers to the same images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evaluation.predictions import Predictions


@dataclass(frozen=True)
class Baseline:
    """Predictions to compare a model's with.

    Attributes:
        label: what they are, in words.
        predictions: for images that need not be all of the test images.
        note: what to add after the value.
    """

    label: str
    predictions: Predictions
    note: str = ""


def baselines(
    predictions: Predictions,
    training_counts: dict[int, int],
    temperature: float,
    unscaled: np.ndarray | None,
) -> dict[str, Baseline]:
    """The baselines that need no other model, by name.

    Args:
        predictions: of the model that is evaluated.
        training_counts: how many training images have each count.
        temperature: of the model.
        unscaled: float (images,), the confidence that its predictions have with temperature 1;
            None where that is not known.
    """
    majority = max(training_counts, key=lambda count: (training_counts[count], -count))
    total = sum(training_counts.values())
    mean = sum(count * number for count, number in training_counts.items()) / total
    constant = np.ones(len(predictions.truth))
    recorded = predictions.recorded
    expected, photo = recorded, recorded
    if recorded:
        counts = np.array(predictions.classes)
        expected = replace(recorded, answer=recorded.both @ counts)
        photo = replace(recorded, both=predictions.probabilities, answer=predictions.answer)
    found = {
        "majority": Baseline(
            f"always answering {predictions.words(majority)}",
            replace(predictions, answer=majority * constant.astype(int)),
        ),
        "mean": Baseline(
            f"always answering the mean, {mean:.2f}", replace(predictions, answer=mean * constant)
        ),
        "expected_count": Baseline(
            "the expected count",
            replace(predictions, answer=predictions.expected_count, recorded=expected),
        ),
    }
    if recorded:
        found["photo_alone"] = Baseline(
            "the photo alone, on these images", replace(predictions, recorded=photo)
        )
    if temperature != 1 and unscaled is not None:
        label = f"before temperature scaling ({temperature:.2f})"
        found["unscaled"] = Baseline(label, replace(predictions, confidence=unscaled))
    return found
