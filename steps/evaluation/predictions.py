"""The counts that a model predicts for the test images."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.archive import LoadedModel
from evaluation.errors import EvaluationError
from evaluation.testset import TestImage


@dataclass(frozen=True)
class Predictions:
    """What a model predicts, in the order of the images.

    Attributes:
        classes: the counts that the model was trained to predict, in order.
        truth: int (n,), how many items each bin holds.
        answer: int (n,), the predicted count.
        confidence: float (n,), the probability of the predicted count.
        truth_probability: float (n,), the probability of the true count.
        expected_count: float (n,), the mean of the predicted distribution.
        probabilities: float (n, classes), the predicted distribution.
    """

    images: tuple[TestImage, ...]
    classes: tuple[int, ...]
    truth: np.ndarray
    answer: np.ndarray
    confidence: np.ndarray
    truth_probability: np.ndarray
    expected_count: np.ndarray
    probabilities: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Bool (n,): the predicted count is the true one."""
        return np.asarray(self.answer == self.truth)

    def subset(self, indices: np.ndarray) -> Predictions:
        """The predictions for these images alone."""
        arrays = {
            name: values[indices]
            for name, values in vars(self).items()
            if isinstance(values, np.ndarray)
        }
        return replace(self, images=tuple(self.images[i] for i in indices.tolist()), **arrays)

    def write(self, file: Path) -> None:
        """Write a CSV file with one line for each image."""
        with file.open("w", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(["id", "count", "answer", "confidence", "expected_count"])
            for index, image in enumerate(self.images):
                numbers = (self.confidence[index], self.expected_count[index])
                writer.writerow(
                    [image.path.stem, image.count, self.answer[index]]
                    + [f"{number:.6f}" for number in numbers]
                )


def predict(loaded: LoadedModel, images: Sequence[TestImage], batch_size: int) -> Predictions:
    """Predict the count of every image with the program that serves the model.

    Raises:
        EvaluationError: the program refuses an image, or the model fails on it.
    """
    answers: list[dict[str, Any]] = []
    # Pillow decodes without holding Python's lock, so threads share the cores.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(images), batch_size):
            decoded = pool.map(
                lambda image: _decode(loaded, image), images[start : start + batch_size]
            )
            answers += _predict_batch(loaded, [one for requests in decoded for one in requests])
    truth = [image.count for image in images]
    shares = [answer["probabilities"] for answer in answers]
    return Predictions(
        images=tuple(images),
        classes=loaded.classes,
        truth=np.array(truth),
        answer=np.array([answer["count"] for answer in answers]),
        confidence=np.array([answer["confidence"] for answer in answers]),
        truth_probability=np.array(
            [share.get(str(count), 0.0) for share, count in zip(shares, truth, strict=True)]
        ),
        expected_count=np.array([answer["expected_count"] for answer in answers]),
        probabilities=np.array(
            [[share.get(str(count), 0.0) for count in loaded.classes] for share in shares]
        ),
    )


def _predict_batch(loaded: LoadedModel, batch: list[Any]) -> list[dict[str, Any]]:
    try:
        answers: list[dict[str, Any]] = loaded.program.predict_fn(batch, loaded.model)
    except Exception as error:  # the archive's own code runs here, and may raise anything
        raise EvaluationError(
            f"the model fails on the test images: {type(error).__name__}: {error}"
        ) from error
    return answers


def _decode(loaded: LoadedModel, image: TestImage) -> list[Any]:
    try:
        requests: list[Any] = loaded.program.input_fn(image.path.read_bytes(), image.content_type)
    except ValueError as error:
        raise EvaluationError(f"test image {image.path} is refused: {error}") from error
    return requests
