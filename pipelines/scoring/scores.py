"""The answers for a set of images, ranked by how much they ask for a person."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

LOW_CONFIDENCE = 0.5  # below it, the answer is more likely wrong than right
LOOK, CANNOT_JUDGE, PASS = "look", "cannot_judge", "pass"
VERDICTS = (LOOK, CANNOT_JUDGE, PASS)  # the most suspicious first


class Answer(TypedDict):
    """The model's answer for one image, as `steps/schemas/answer.json` describes it."""

    count: int
    or_more: NotRequired[bool]
    confidence: float
    expected_count: float
    probabilities: dict[str, float]
    looks_like_a_bin: NotRequired[bool]
    photo_alone: NotRequired[dict[str, Any]]
    expected_quantity: NotRequired[int]
    verdict: NotRequired[str]
    match_probability: NotRequired[float | None]
    reason: NotRequired[str]


@dataclass(frozen=True)
class Scores:
    """The answers for a set of images.

    Attributes:
        version: The model version that counted.
        jobs: The transform jobs' names.
        answers: The endpoint's answer for the same image and stock record, by the image's name.
        failures: Why an image has no answer, by its name.
    """

    version: int
    jobs: tuple[str, ...]
    answers: dict[str, Answer]
    failures: dict[str, str]

    @property
    def counts(self) -> dict[str, int]:
        """The number of images by item count, such as `3` or `6+`."""
        found = Counter(count_name(answer) for answer in self.answers.values())
        return dict(sorted(found.items(), key=lambda entry: count_order(entry[0])))

    @property
    def verdicts(self) -> dict[str, int]:
        """The number of images by verdict; empty where none has one."""
        found = Counter(answer.get("verdict") for answer in self.answers.values())
        return {name: found[name] for name in VERDICTS} if found.keys() & set(VERDICTS) else {}

    @property
    def low_confidence(self) -> int:
        """The number of answers that are more likely wrong than right, by the model's estimate."""
        return sum(answer["confidence"] < LOW_CONFIDENCE for answer in self.answers.values())

    @property
    def ranked(self) -> list[str]:
        """The answered images, the most suspicious first; those without a verdict last."""

        def suspicion(name: str) -> tuple[int, float, str]:
            answer = self.answers[name]
            verdict, probability = answer.get("verdict"), answer.get("match_probability")
            place = VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)
            return place, -1.0 if probability is None else probability, name

        return sorted(self.answers, key=suspicion)

    def sentence(self, file: Path) -> str:
        """The result in two or three lines; `file` is the CSV file that lists the images."""
        counted, images = len(self.answers), len(self.answers) + len(self.failures)
        text = f"Version {self.version} counted {counted} of {images} images, "
        text += f"{self.low_confidence} with low confidence."
        if not (verdicts := self.verdicts):
            return f"{text}\nAll images are listed in {file}."
        cannot = verdicts[CANNOT_JUDGE]
        text += f"\nVerdicts: {verdicts[PASS]} pass, {verdicts[LOOK]} to look at"
        text += f", {cannot} that the model cannot judge." if cannot else "."
        return f"{text}\nAll images are listed in {file}, the most suspicious first."

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "version": self.version,
            "jobs": list(self.jobs),
            "images": len(self.answers) + len(self.failures),
            "counts": self.counts,
            "verdicts": self.verdicts,
            "unsure": self.low_confidence,
            "failures": self.failures,
            "scores": [{"image": name, **self.answers[name]} for name in self.ranked],
        }


def count_name(answer: Mapping[str, Any]) -> str:
    """The count as the keys of `probabilities` name it: `3`, or `6+` for 6 or more."""
    return f"{answer['count']}{'+' * bool(answer.get('or_more'))}"


def count_order(name: str) -> int:
    """What to sort such names by."""
    return int(name.removesuffix("+"))
