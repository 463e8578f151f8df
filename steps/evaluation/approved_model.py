"""The approved model beside the new one: on which images, and must the new one reach it?

Every retraining splits the images anew, so today's test set can hold bins that the approved model
was trained on. There it would be judged by what it remembers, and a better model would be refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import formatting, intervals
from evaluation.baselines import Baseline
from evaluation.predictions import Predictions
from evaluation.testset import TestImage

LEARNT_FROM = "learnt_from.txt"  # in the model: ids of its training and validation images
FEWEST = 30  # images; on fewer, the comparison decides nothing


@dataclass(frozen=True)
class Comparison:
    """Both models' predictions for the same images.

    Attributes:
        candidate: of the new model.
        approved: of the approved model.
        only_unseen: the images are those of bins that neither model was trained on.
        decides: the new model must reach the approved model's accuracy.
    """

    candidate: Predictions
    approved: Predictions
    only_unseen: bool
    decides: bool

    def describe(self) -> dict[str, Any]:
        """What evaluation.json holds as tally.approved.

        The difference is paired: each bootstrap sample judges both models on the same images.
        """
        ours, theirs = self.candidate.correct, self.approved.correct
        shares = {
            "accuracy": theirs,
            "candidate_accuracy": ours,
            "difference": ours.astype(float) - theirs,
        }
        size = len(ours)
        estimates = intervals.estimate(
            lambda draws: {name: draws @ share / size for name, share in shares.items()}, size
        )
        requirement = "The approved model was trained on nearly all of the test images, so its "
        requirement += "accuracy is not required."
        if self.decides:
            images = f"the {size} test images"
            images += " that the approved model was not trained on" * self.only_unseen
            requirement = (
                f"On {images} its accuracy is {fraction(ours)} and must reach the approved "
                f"model's {fraction(theirs)}."
            )
        return {
            "present": True,
            "images": size,
            "only_unseen": self.only_unseen,
            "decides": self.decides,
            "must_reach": {"value": float(theirs.mean()) if self.decides else 0.0},
            **estimates,
            "only_candidate_right": int((ours & ~theirs).sum()),
            "only_approved_right": int((theirs & ~ours).sum()),
            "requirement": requirement,
        }

    def baseline(self, described: dict[str, Any]) -> Baseline:
        """The approved model as a baseline of the accuracy."""
        note = ""
        if self.only_unseen:
            own = formatting.percent({"value": described["candidate_accuracy"]["value"]})
            images = described["images"]
            note = f", this one {own}, on the {images} images that neither was trained on"
        elif not self.decides:
            note = ", but it was trained on nearly all of these bins, so this decides nothing"
        value, low, high = (100 * described["difference"][n] for n in ("value", "low", "high"))
        note += f"; difference {value:+.1f} points ({low:+.1f} to {high:+.1f})"
        return Baseline("the approved model", self.approved, note)


def without_approved_model(predictions: Predictions) -> dict[str, Any]:
    """`tally.approved` where no model is approved: its accuracy is 0.0, which any model reaches."""
    none = {"value": 0.0}
    return {
        "present": False,
        "accuracy": none,
        "candidate_accuracy": {"value": float(predictions.correct.mean())},
        "must_reach": none,
        "only_unseen": False,
        "decides": True,
        "requirement": "No approved model was compared with it.",
    }


def compare(
    candidate: Predictions,
    approved: Predictions,
    images: Sequence[TestImage],
    model: Path,
    manifest: Path,
) -> Comparison:
    """Compare on the images of bins that neither model was trained on.

    Where too few of them are left, on all images, and the comparison decides nothing. Where it is
    not known what the approved model was trained on, on all images, and it decides.

    Args:
        candidate: predictions of the new model.
        approved: predictions of the approved model.
        images: the test images.
        model: the approved model's folder.
        manifest: Prepare's manifest, which holds the bin (group) of each image.
    """
    unseen = unseen_images(images, model, manifest)
    if unseen is None or len(unseen) < FEWEST:
        return Comparison(candidate, approved, False, unseen is None)
    return Comparison(candidate.subset(unseen), approved.subset(unseen), True, True)


def unseen_images(images: Sequence[TestImage], model: Path, manifest: Path) -> np.ndarray | None:
    """Indices of the test images whose bins a model was not trained on.

    Returns:
        None where that is not known, because the model is older than the list.
    """
    if not (model / LEARNT_FROM).is_file():
        return None
    learnt = set((model / LEARNT_FROM).read_text().split())
    rows = json.loads(manifest.read_text()).get("images", [])
    group = {row["id"]: row["group"] for row in rows}
    bins = {group[identity] for identity in learnt if identity in group}
    unseen = [
        index
        for index, image in enumerate(images)
        if image.path.stem not in learnt and group.get(image.path.stem) not in bins
    ]
    return np.array(unseen, dtype=np.int64)


def fraction(correct: np.ndarray) -> str:
    """`0.333 (5 of 15)`."""
    return f"{correct.mean():.3f} ({correct.sum()} of {len(correct)})"
