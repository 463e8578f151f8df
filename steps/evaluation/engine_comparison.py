"""Does the served model predict as the network that was trained?

A model is evaluated by the engine that serves it. If that is not PyTorch, PyTorch predicts the test
images, too, and the two are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from evaluation import archive
from evaluation.errors import EvaluationError
from evaluation.predictions import Predictions

LARGEST_DIFFERENCE = 0.001  # of a probability, where the served model has 32 bits as PyTorch has
LARGEST_LOSS = 0.005  # of accuracy, where it has 8
DEVIATIONS = 2  # a loss must be larger by so many standard deviations, or it may be chance


def check(
    loaded: archive.LoadedModel,
    predictions: Predictions,
    predict: Callable[[archive.LoadedModel], Predictions],
) -> dict[str, Any]:
    """What serves, and how it compares with PyTorch, as tally.serving of evaluation.json.

    Args:
        loaded: the model that is evaluated.
        predictions: of it.
        predict: predicts the same images with the same model in PyTorch.

    Raises:
        EvaluationError: the two differ by more than is allowed.
    """
    engine = getattr(loaded.model, "engine", None)
    reference = None if engine is None or engine.name == "pytorch" else archive.reference(loaded)
    if engine is None or reference is None:
        file, instead_of = ("model.pt", "") if engine is None else (engine.file, engine.instead_of)
        return {"engine": "pytorch", "file": file, "instead_of": instead_of, "compared": None}
    compared = compare(predictions, predict(reference))
    print(
        f"{engine.name} ({engine.file}) beside PyTorch: {compared['agreement']:.1%} of the answers "
        f"agree, probabilities differ by up to {compared['largest_difference']:.1e}, accuracy "
        f"{compared['accuracy']:.1%} and {compared['pytorch_accuracy']:.1%}",
        flush=True,
    )
    problem = _problem(compared, eight_bits="int8" in engine.file)
    if problem:
        raise EvaluationError(
            f"{engine.file} does not predict as the network that was trained: {problem}. Train "
            "again, or with export none, so that PyTorch serves"
        )
    return {"engine": engine.name, "file": engine.file, "instead_of": "", "compared": compared}


def compare(served: Predictions, by_pytorch: Predictions) -> dict[str, float]:
    """How the predictions of two forms of a model differ on the same images.

    Returns:
        images, accuracy and pytorch_accuracy; `lost`, the difference of the two, and its standard
        deviation, from the images that only one of them counts correctly (and one more, since none
        may be luck); agreement, the share of equal answers; largest_difference, of the
        probabilities of the answer and of the true count.
    """
    only_one = int((served.correct != by_pytorch.correct).sum())
    differences = [
        np.abs(getattr(served, name) - getattr(by_pytorch, name)).max()
        for name in ("confidence", "truth_probability")
    ]
    accuracy, pytorch_accuracy = served.correct.mean(), by_pytorch.correct.mean()
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
    """What is wrong; "" if nothing is."""
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
