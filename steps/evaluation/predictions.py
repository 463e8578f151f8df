"""What a model answers for every test image."""

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
    """Answers in the order of the images.

    Attributes:
        classes: the counts that the model knows, in order.
        truth: int (n,), what each bin holds.
        answer: int (n,), the count that the model says.
        confidence: float (n,), the probability that it gives its answer.
        of_truth: float (n,), the probability that it gives the true count.
        expected_count: float (n,), the mean of its distribution.
        probabilities: float (n, classes), its whole distribution.
    """

    images: tuple[TestImage, ...]
    classes: tuple[int, ...]
    truth: np.ndarray
    answer: np.ndarray
    confidence: np.ndarray
    of_truth: np.ndarray
    expected_count: np.ndarray
    probabilities: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Bool (n,): the answer is the true count."""
        return self.answer == self.truth

    def only(self, indices: np.ndarray) -> Predictions:
        """The answers for these images alone."""
        arrays = {
            name: values[indices]
            for name, values in vars(self).items()
            if isinstance(values, np.ndarray)
        }
        return replace(self, images=tuple(self.images[i] for i in indices.tolist()), **arrays)

    def write(self, file: Path) -> None:
        """Write one line of CSV for each image."""
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
    """Ask the model for every image, through the program that serves it.

    Raises:
        EvaluationError: an image is one that the program refuses, or the model fails on it.
    """
    answers: list[dict[str, Any]] = []
    # Pillow decodes without holding Python's lock, so threads share the cores.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(images), batch_size):
            requests = pool.map(
                lambda image: _request(loaded, image), images[start : start + batch_size]
            )
            batch = [request for decoded in requests for request in decoded]
            answers += _answers(loaded, batch)
    truth = [image.count for image in images]
    return Predictions(
        images=tuple(images),
        classes=loaded.classes,
        truth=np.array(truth),
        answer=np.array([answer["count"] for answer in answers]),
        confidence=np.array([answer["confidence"] for answer in answers]),
        of_truth=np.array(
            [
                answer["probabilities"].get(str(count), 0.0)
                for answer, count in zip(answers, truth, strict=True)
            ]
        ),
        expected_count=np.array([answer["expected_count"] for answer in answers]),
        probabilities=np.array(
            [
                [answer["probabilities"].get(str(count), 0.0) for count in loaded.classes]
                for answer in answers
            ]
        ),
    )


def _answers(loaded: LoadedModel, batch: list[Any]) -> list[dict[str, Any]]:
    try:
        return loaded.program.predict_fn(batch, loaded.model)
    except Exception as error:  # the archive's own code runs here, and may raise anything
        raise EvaluationError(
            f"the model fails on the test images: {type(error).__name__}: {error}"
        ) from error


def _request(loaded: LoadedModel, image: TestImage) -> list[Any]:
    try:
        return loaded.program.input_fn(image.path.read_bytes(), image.content_type)
    except ValueError as error:
        raise EvaluationError(f"test image {image.path} is refused: {error}") from error
