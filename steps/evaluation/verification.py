"""Does the stock record agree with the bin, or must a person look?

A bin passes without a person when the probability of the quantity on record reaches a threshold.
The test images say what each bin truly holds, so stock records are simulated: a share of them is
wrong, and a wrong quantity is the likelier the nearer it is to the true one, in proportion to
1 / distance among the model's counts. Nothing is drawn: each image is paired with every quantity,
weighted by how likely it is, so the results are exact expectations over the records.

The threshold is chosen on the validation images and evaluated on the test images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from evaluation import formatting, intervals
from evaluation.intervals import Estimate
from evaluation.predictions import Predictions

RECORD_ERROR_RATE = 0.1  # where nothing better is known
PRECISION = 0.95
OTHER_ERROR_RATES = (0.02, 0.05, 0.1, 0.2, 0.3)  # of the table


@dataclass(frozen=True)
class Pairs:
    """Every bin with every quantity that its record could hold.

    Attributes:
        score: float (n, classes), the predicted probability of the quantity.
        agrees: bool (n, classes), the bin holds that quantity.
        weight: float (n, classes), how likely it is on record; each row adds up to 1.
        answered: bool (n, classes), it is the predicted count.
    """

    score: np.ndarray
    agrees: np.ndarray
    weight: np.ndarray
    answered: np.ndarray

    def passing(self, threshold: float | None) -> np.ndarray:
        """Bool (n, classes): the pairs that pass at a threshold; none without one."""
        return np.zeros_like(self.agrees) if threshold is None else self.score >= threshold


def pairs(predictions: Predictions, error_rate: float) -> Pairs:
    """Pair each image with the quantities of simulated stock records.

    Args:
        predictions: of the model.
        error_rate: the share of the records that is wrong.
    """
    classes = np.array(predictions.classes)
    distance = np.abs(classes - predictions.truth[:, None])
    agrees = distance == 0
    near = np.where(agrees, 0.0, 1 / np.maximum(distance, 1))
    total = np.maximum(near.sum(axis=1, keepdims=True), 1e-12)  # 0 for a model of one count
    weight = np.where(agrees, 1 - error_rate, error_rate * near / total)
    return Pairs(predictions.probabilities, agrees, weight, predictions.answer[:, None] == classes)


def lowest_threshold(choosing: Pairs, precision: float) -> float | None:
    """The lowest threshold whose passing bins reach a precision; None where none does.

    The lowest passes the most bins. Precision is the share of passing bins with correct records.
    """
    score, passed, correct = passing_by_threshold(choosing)
    # Sums of weights are not exact: 95 of 100 must not fail by the last digit.
    good = correct >= (precision - 1e-9) * passed
    return float(score[good].min()) if good.any() else None


def passing_by_threshold(known: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each score as a threshold, from the highest: float (thresholds,) each.

    Returns:
        The score, the weight of the pairs that pass at it, and the weight of those of them whose
        record is correct. Scores at which no weight passes are left out.
    """
    order = np.argsort(-known.score, axis=None, kind="stable")
    score = known.score.ravel()[order]
    weight = known.weight.ravel()[order]
    passed = np.cumsum(weight)
    correct = np.cumsum(weight * known.agrees.ravel()[order])
    # Pairs of the same score pass together.
    last = np.append(np.diff(score) != 0, True) & (passed > 0)
    return score[last], passed[last], correct[last]


def outcome(known: Pairs, passes: np.ndarray) -> dict[str, Estimate]:
    """What follows when these pairs pass, each share with its interval.

    Args:
        known: bins and records.
        passes: bool (n, classes).

    Returns:
        passed: the share of bins that no person looks at; precision: the share of these with a
        correct record; right_passed: of bins with a correct record, those that pass; wrong_passed:
        of bins with a wrong record, those that pass. If no bin passes, precision is undefined.
    """
    passed = (known.weight * passes).sum(axis=1)
    kept = (known.weight * passes * known.agrees).sum(axis=1)
    agree = (known.weight * known.agrees).sum(axis=1)

    def measure(draws: np.ndarray) -> dict[str, np.ndarray]:
        all_passed, all_kept, all_agree = draws @ passed, draws @ kept, draws @ agree
        size = draws.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "passed": all_passed / size,
                "precision": all_kept / all_passed,
                "right_passed": all_kept / all_agree,
                "wrong_passed": (all_passed - all_kept) / (size - all_agree),
            }

    return intervals.estimate(measure, len(passed))


def describe(
    test: Predictions, validation: Predictions | None, error_rate: float, precision: float
) -> dict[str, Any]:
    """What evaluation.json holds as tally.verification.

    Args:
        test: predictions for the test images.
        validation: predictions for the validation images; without them the threshold is chosen on
            the test images, which makes it look better than it is.
        error_rate: the share of the stock records that is wrong.
        precision: to be reached.
    """
    choosing = validation or test

    def at(rate: float) -> dict[str, Any]:
        known, threshold = pairs(test, rate), lowest_threshold(pairs(choosing, rate), precision)
        results = outcome(known, known.passing(threshold))
        return {"record_error_rate": rate, "threshold": threshold, **results}

    known = pairs(test, error_rate)
    described = {
        **at(error_rate),
        "required_precision": precision,
        "threshold_from": "validation" if validation else "test",
        "choosing_images": len(choosing.truth),
        "auc": _area(known),
        "same_as_answered": outcome(known, known.answered),
        "other_shares": [at(rate) for rate in sorted({*OTHER_ERROR_RATES, error_rate})],
    }
    return described | {"sentence": sentence(described)}


def sentence(verification: dict[str, Any]) -> str:
    """The result in one sentence."""
    required, wrong = (
        f"{100 * verification[name]:.0f} %" for name in ("required_precision", "record_error_rate")
    )
    if verification["threshold"] is None:
        return (
            f"If {wrong} of the stock records are wrong, no threshold makes {required} of the "
            "passing bins correct: a person must look at every bin."
        )
    if verification["precision"]["value"] is None:
        return f"No test bin reaches the threshold {verification['threshold']:.3f}."
    passed, reached = (formatting.percent(verification[name]) for name in ("passed", "precision"))
    return (
        f"If {wrong} of the stock records are wrong, {passed} of the bins can pass without a "
        f"person; of these, {reached} have a correct record (required: {required})."
    )


def _area(known: Pairs) -> float | None:
    """Area under the ROC curve; it does not depend on how many records are wrong."""
    possible = known.weight.ravel() > 0
    agrees = known.agrees.ravel()[possible]
    if agrees.all():
        return None
    weight = known.weight.ravel()[possible]
    return float(roc_auc_score(agrees, known.score.ravel()[possible], sample_weight=weight))
