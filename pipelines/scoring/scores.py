"""The answers for a set of images, and how they compare with the stock record."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict

LOW_CONFIDENCE = 0.5  # below it, the answer is more likely wrong than right
DIGITS = 6  # of a probability, as in the endpoint's answers


class Answer(TypedDict):
    """The model's answer for one image; the last three keys compare it with a recorded quantity."""

    count: int
    confidence: float
    expected_count: float
    probabilities: dict[str, float]
    expected_quantity: NotRequired[int]
    match: NotRequired[bool]
    match_confidence: NotRequired[float]


@dataclass(frozen=True)
class Scores:
    """The answers for a set of images.

    Attributes:
        version: The model version that counted.
        jobs: The transform jobs' names.
        answers: The endpoint's answer for the same image, by the image's name.
        failures: Why an image has no answer, by its name.
    """

    version: int
    jobs: tuple[str, ...]
    answers: dict[str, Answer]
    failures: dict[str, str]

    @property
    def counts(self) -> dict[int, int]:
        """The number of images by item count."""
        return dict(sorted(Counter(answer["count"] for answer in self.answers.values()).items()))

    @property
    def low_confidence(self) -> int:
        """The number of answers that are more likely wrong than right, by the model's estimate."""
        return sum(answer["confidence"] < LOW_CONFIDENCE for answer in self.answers.values())

    def compared_with(self, record: dict[str, int]) -> "Scores":
        """The scores, each image that has a recorded quantity compared with it."""
        answers = {
            name: compare(answer, record[name]) if name in record else answer
            for name, answer in self.answers.items()
        }
        return replace(self, answers=answers)

    def sentence(self, file: Path) -> str:
        """The result in two lines; `file` is the CSV file that lists the images."""
        counted, images = len(self.answers), len(self.answers) + len(self.failures)
        text = f"Version {self.version} counted {counted} of {images} images, "
        text += f"{self.low_confidence} with low confidence"
        matches = [answer["match"] for answer in self.answers.values() if "match" in answer]
        if matches:
            text += f"; {matches.count(False)} of {len(matches)} do not match the stock record"
        return f"{text}.\nAll images are listed in {file}."

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "version": self.version,
            "jobs": list(self.jobs),
            "images": len(self.answers) + len(self.failures),
            "counts": {str(count): images for count, images in self.counts.items()},
            "unsure": self.low_confidence,
            "failures": self.failures,
            "scores": [{"image": name, **answer} for name, answer in sorted(self.answers.items())],
        }


def compare(answer: Answer, quantity: int) -> Answer:
    """The answer with whether it matches a recorded quantity, by the endpoint's formula.

    `match_confidence` is the probability that `match` is right; 0 for a quantity that the model
    cannot judge.
    """
    probability = answer["probabilities"].get(str(quantity))
    match = probability is not None and answer["count"] == quantity
    confidence = 0.0 if probability is None else probability if match else 1 - probability
    return {
        **answer,
        "expected_quantity": quantity,
        "match": match,
        "match_confidence": round(confidence, DIGITS),
    }
