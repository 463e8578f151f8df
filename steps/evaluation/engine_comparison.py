"""Does what is served answer as the network that was trained?

A model is judged by the engine that serves it. Where that is not PyTorch, PyTorch answers the test
images, too, and the two are held together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from evaluation import archive
from evaluation.errors import EvaluationError
from evaluation.predictions import Predictions

LARGEST_DIFFERENCE = 0.001  # of a probability, where the served form has 32 bits as PyTorch has
LARGEST_LOSS = 0.005  # of accuracy, where it has 8
DEVIATIONS = 2  # a loss must be larger by so many standard deviations, or it may be chance


def check(
    loaded: archive.LoadedModel,
    found: Predictions,
    predict: Callable[[archive.LoadedModel], Predictions],
) -> dict[str, Any]:
    """What serves, and how it compares with PyTorch, as evaluation.json has it.

    Args:
        loaded: the model that is judged.
        found: what it answered.
        predict: asks another form of it for the same images.

    Raises:
        EvaluationError: the two differ by more than is allowed.
    """
    engine = getattr(loaded.model, "engine", None)
    reference = None if engine is None or engine.name == "pytorch" else archive.reference(loaded)
    if engine is None or reference is None:
        file, instead_of = ("model.pt", "") if engine is None else (engine.file, engine.instead_of)
        return {"engine": "pytorch", "file": file, "instead_of": instead_of, "compared": None}
    compared = compare(found, predict(reference))
    print(
        f"{engine.name} ({engine.file}) beside PyTorch: {compared['agreement']:.1%} of the answers "
        f"agree, probabilities differ by up to {compared['largest_difference']:.1e}, accuracy "
        f"{compared['accuracy']:.1%} and {compared['pytorch_accuracy']:.1%}",
        flush=True,
    )
    problem = _problem(compared, eight_bits="int8" in engine.file)
    if problem:
        raise EvaluationError(
            f"{engine.file} does not answer as the network that was trained: {problem}. Train "
            "again, or with --export none, so that PyTorch serves"
        )
    return {"engine": engine.name, "file": engine.file, "instead_of": "", "compared": compared}


def compare(served: Predictions, by_pytorch: Predictions) -> dict[str, float]:
    """How the answers of two forms of a model differ on the same images.

    Returns:
        images, accuracy and pytorch_accuracy; `lost`, the difference of the two, and its standard
        deviation, from the images that only one of them gets right (and one more, as none may be
        luck); agreement, the share of the same answers; largest_difference, of the probabilities of
        the answer and of the truth.
    """
    only_one = int((served.right != by_pytorch.right).sum())
    differences = [
        np.abs(getattr(served, name) - getattr(by_pytorch, name)).max()
        for name in ("confidence", "of_truth")
    ]
    accuracy, pytorch_accuracy = served.right.mean(), by_pytorch.right.mean()
    return {
        "images": len(served.truth),
        "accuracy": float(accuracy),
        "pytorch_accuracy": float(pytorch_accuracy),
        "lost": float(pytorch_accuracy - accuracy),
        "standard_deviation": math.sqrt(only_one + 1) / len(served.truth),
        "agreement": float((served.answer == by_pytorch.answer).mean()),
        "largest_difference": float(max(differences)),
    }


def _problem(compared: dict[str, float], eight_bits: bool) -> str:
    """What is wrong, or nothing."""
    if not eight_bits:
        difference = compared["largest_difference"]
        if difference <= LARGEST_DIFFERENCE:
            return ""
        return (
            f"a probability differs from PyTorch's by {difference:.4f}, and "
            f"{LARGEST_DIFFERENCE} is allowed"
        )
    chance = DEVIATIONS * compared["standard_deviation"]
    if compared["lost"] <= LARGEST_LOSS + chance:
        return ""
    return (
        f"it loses {100 * compared['lost']:.1f} points of accuracy, and {100 * LARGEST_LOSS:.1f} "
        f"are allowed, with {100 * chance:.1f} more for chance"
    )
