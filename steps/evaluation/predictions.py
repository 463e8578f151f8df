"""What a model predicts for the test images, by the photo alone and with the stock record."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from counts import Classes
from evaluation.archive import LoadedModel
from evaluation.errors import EvaluationError
from evaluation.testset import TestImage


@dataclass(frozen=True)
class Recorded:
    """What a model says of the same images once it knows the items on their stock records.

    Attributes:
        known: bool (n,), the items of that image's record are known.
        items: float (n, classes), the distribution by the items alone; nan where none are known.
        both: float (n, classes), the distribution by photo and items; nan where none are known.
        answer: float (n,), the count predicted by both; nan where none are known.
    """

    known: np.ndarray
    items: np.ndarray
    both: np.ndarray
    answer: np.ndarray

    def subset(self, indices: np.ndarray) -> Recorded:
        """The same for these images alone."""
        return Recorded(
            self.known[indices], self.items[indices], self.both[indices], self.answer[indices]
        )


@dataclass(frozen=True)
class Predictions:
    """What a model predicts, in the order of the images.

    Attributes:
        classes: the counts that the model was trained to predict, in order.
        truth: int (n,), the class of each bin's count; the count itself where it has none.
        answer: int (n,), the class predicted by the photo alone.
        confidence: float (n,), the probability of the predicted class.
        truth_probability: float (n,), the probability of the true class.
        expected_count: float (n,), the mean of the predicted distribution.
        probabilities: float (n, classes), the distribution predicted by the photo alone.
        or_more: whether the last class stands for all greater counts, too.
        strangeness: float (n,), how unlike a bin each photo is; None for a model that does not say.
        recorded: what the stock records add; None where no items are known, or the model was
            trained without records.
        answers: object (n,), each a dict as the endpoint sends it; None where that is not kept.
    """

    images: tuple[TestImage, ...]
    classes: tuple[int, ...]
    truth: np.ndarray
    answer: np.ndarray
    confidence: np.ndarray
    truth_probability: np.ndarray
    expected_count: np.ndarray
    probabilities: np.ndarray
    or_more: bool = False
    strangeness: np.ndarray | None = None
    recorded: Recorded | None = None
    answers: np.ndarray | None = None

    @property
    def correct(self) -> np.ndarray:
        """Bool (n,): the predicted class is the true one."""
        return np.asarray(self.answer == self.truth)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, such as `5` and `6+`."""
        return Classes(self.classes, self.or_more).names

    def words(self, class_: int) -> str:
        """A class in a sentence: `5`, or `6 or more`."""
        return Classes(self.classes, self.or_more).words(class_)

    @cached_property
    def with_record(self) -> Predictions | None:
        """The images whose items are known, predicted by photo and items; None without any."""
        if self.recorded is None:
            return None
        known = np.flatnonzero(self.recorded.known)
        own, found = self.subset(known), self.recorded.subset(known)
        rows = np.arange(len(known))
        truth = np.array([self.classes.index(int(class_)) for class_ in own.truth])
        # An answer that is no class, as of a baseline, has no probability.
        answered = [self.classes.index(a) if a in self.classes else 0 for a in found.answer]
        return replace(
            own, answer=found.answer, confidence=found.both[rows, answered],
            truth_probability=found.both[rows, truth],
            expected_count=found.both @ np.array(self.classes), probabilities=found.both,
            recorded=None,
        )  # fmt: skip

    def subset(self, indices: np.ndarray) -> Predictions:
        """The predictions for these images alone."""
        arrays = {
            name: values[indices]
            for name, values in vars(self).items()
            if isinstance(values, np.ndarray)
        }
        return replace(
            self,
            images=tuple(self.images[i] for i in indices.tolist()),
            recorded=self.recorded.subset(indices) if self.recorded else None,
            **arrays,
        )

    def write(self, file: Path) -> None:
        """Write a CSV file with one line for each image."""
        names = dict(zip(self.classes, self.names, strict=True))
        with file.open("w", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(["id", "count", "answer", "confidence", "expected_count"])
            for index, image in enumerate(self.images):
                answer = int(self.answer[index])
                numbers = (self.confidence[index], self.expected_count[index])
                writer.writerow(
                    [image.path.stem, image.count, names.get(answer, answer)]
                    + [f"{number:.6f}" for number in numbers]
                )


def predict(
    loaded: LoadedModel,
    images: Sequence[TestImage],
    batch_size: int,
    classes: Classes | None = None,
) -> Predictions:
    """Predict the count of every image with the program that serves the model.

    Args:
        loaded: the model.
        images: of bins of any counts.
        batch_size: images at once.
        classes: the classes of the bins' counts; None for the model's own. A model of other
            classes is compared on counts: its answer 7 is right where the truth is "6 or more".

    Raises:
        EvaluationError: the program refuses an image, or the model fails on it.
    """
    answers: list[dict[str, Any]] = []
    evidence: list[Any] = []
    # Pillow decodes without holding Python's lock, so threads share the cores.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(images), batch_size):
            decoded = pool.map(
                lambda image: decode(loaded, image), images[start : start + batch_size]
            )
            found = _predict_batch(loaded, [one for requests in decoded for one in requests])
            answers += found[0]
            evidence += found[1]
    own, judged = loaded.classes, classes or loaded.classes
    by_photo = [answer.get("photo_alone", answer) for answer in answers]
    truth = [_class(judged, image.count) for image in images]
    shares = np.array(
        [[answer["probabilities"].get(name, 0.0) for name in own.names] for answer in by_photo]
    )
    if evidence:  # the same before rounding
        shares = np.array([one.photo for one in evidence])
    of_truth = [
        row[own.counts.index(class_)] if (class_ := own.of(image.count)) is not None else 0.0
        for row, image in zip(shares, images, strict=True)
    ]
    return Predictions(
        images=tuple(images),
        classes=own.counts,
        truth=np.array(truth),
        answer=np.array([_class(judged, answer["count"]) for answer in by_photo]),
        confidence=np.array([answer["confidence"] for answer in by_photo]),
        truth_probability=np.array(of_truth),
        expected_count=np.array([answer["expected_count"] for answer in by_photo]),
        probabilities=shares,
        or_more=own.or_more,
        strangeness=np.array([one.strangeness for one in evidence]) if evidence else None,
        recorded=_recorded(evidence, answers),
        answers=np.array(answers, dtype=object),
    )


def decode(loaded: LoadedModel, image: TestImage) -> list[Any]:
    """The requests of an image, as the program of the model makes them of its bytes.

    Raises:
        EvaluationError: the program refuses the image.
    """
    try:
        requests: list[Any] = loaded.program.input_fn(image.path.read_bytes(), image.content_type)
    except ValueError as error:
        raise EvaluationError(f"test image {image.path} is refused: {error}") from error
    if not answers_with_record(loaded):
        return requests
    return [replace(request, record=image.record) for request in requests]


def answers_with_record(loaded: LoadedModel) -> bool:
    """Whether the model's program knows stock records; one of an earlier version does not."""
    return hasattr(loaded.program, "evidence_fn")


def _predict_batch(loaded: LoadedModel, batch: list[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    """The answers as served, and the evidence that they were composed of, if the program has it."""
    program, model = loaded.program, loaded.model
    try:
        if not answers_with_record(loaded):
            return program.predict_fn(batch, model), []
        evidence = program.evidence_fn(batch, model)
        answers = [
            program.answer_fn(one, request, model)
            if hasattr(program, "answer_fn")  # a model of an earlier version has none
            else program.answer.compose(one, request.record, model.classes, model.rule)
            for one, request in zip(evidence, batch, strict=True)
        ]
    except Exception as error:  # the archive's own code runs here, and may raise anything
        raise EvaluationError(
            f"the model fails on the test images: {type(error).__name__}: {error}"
        ) from error
    return answers, evidence


def _recorded(evidence: Sequence[Any], answers: Sequence[dict[str, Any]]) -> Recorded | None:
    known = np.array([one.both is not None for one in evidence], dtype=bool)
    if not known.any():
        return None
    nothing = np.full(len(evidence[0].photo), np.nan)
    return Recorded(
        known=known,
        items=np.array([nothing if one.items is None else one.items for one in evidence]),
        both=np.array([nothing if one.both is None else one.both for one in evidence]),
        answer=np.where(known, [answer["count"] for answer in answers], np.nan),
    )


def _class(classes: Classes, count: int) -> int:
    """The class of a count; the count itself where it has none, so that it equals no class."""
    class_ = classes.of(count)
    return count if class_ is None else class_
