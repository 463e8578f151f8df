"""The owner's question: do the books agree with the bin, and must a person look?

A bin passes without a person when the probability that the model gives the quantity in the books
reaches a threshold. The test images say what each bin truly holds, so the books are simulated: a
share of them is wrong, and wrong quantities near the true one are likelier, in proportion to
1 / distance among the counts that the model knows. Nothing is drawn: each image is met with every
quantity, weighted by how likely it is, so the figures are exact expectations over the books.

The threshold is chosen on the validation images and judged on the test images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from evaluation import intervals
from evaluation.predictions import Predictions

WRONG = 0.1  # of the books, where nothing better is known
PRECISION = 0.95
OTHER_SHARES = (0.02, 0.05, 0.1, 0.2, 0.3)  # of wrong books, for the table


@dataclass(frozen=True)
class Pairs:
    """Every bin with every quantity that its books could say.

    Attributes:
        score: float (n, classes), the probability that the model gives the quantity.
        agrees: bool (n, classes), the bin holds that quantity.
        weight: float (n, classes), how likely the books say it; each row adds up to 1.
        answered: bool (n, classes), it is the count that the model answers.
    """

    score: np.ndarray
    agrees: np.ndarray
    weight: np.ndarray
    answered: np.ndarray


def pairs(found: Predictions, wrong: float) -> Pairs:
    """Meet each image with the quantities of simulated books.

    Args:
        found: the model's answers.
        wrong: the share of the books that is wrong.
    """
    classes = np.array(found.classes)
    distance = np.abs(classes - found.truth[:, None])
    agrees = distance == 0
    near = np.where(agrees, 0.0, 1 / np.maximum(distance, 1))
    total = np.maximum(near.sum(axis=1, keepdims=True), 1e-12)  # 0 for a model of one count
    weight = np.where(agrees, 1 - wrong, wrong * near / total)
    return Pairs(found.probabilities, agrees, weight, found.answer[:, None] == classes)


def threshold(known: Pairs, precision: float) -> float | None:
    """The lowest score from which on the passed bins reach a precision; None where none does.

    The lowest passes the most bins. Precision is the share of the passed whose books are right.
    """
    score, passed, right = passing(known)
    # Sums of weights are not exact: 95 of 100 must not fail by the last digit.
    good = right >= (precision - 1e-9) * passed
    return float(score[good].min()) if good.any() else None


def passing(known: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each score as a threshold, from the highest: float (thresholds,) each.

    Returns:
        The score, the weight of the pairs that pass at it, and the weight of those of them whose
        books are right. Scores at which no weight passes are left out.
    """
    order = np.argsort(-known.score, axis=None, kind="stable")
    score = known.score.ravel()[order]
    weight = known.weight.ravel()[order]
    passed = np.cumsum(weight)
    right = np.cumsum(weight * known.agrees.ravel()[order])
    # Pairs of the same score pass together.
    last = np.append(np.diff(score) != 0, True) & (passed > 0)
    return score[last], passed[last], right[last]


def outcome(known: Pairs, passes: np.ndarray) -> dict[str, Any]:
    """What comes of letting pairs pass, each figure with its interval.

    Args:
        known: bins and books.
        passes: bool (n, classes).

    Returns:
        passed: the share of bins that no person looks at; precision: the share of these whose books
        are right; right_passed: of bins with right books, those that pass; wrong_passed: of bins
        with wrong books, those that pass. Without a passed bin there is no precision.
    """
    passed = (known.weight * passes).sum(axis=1)
    kept = (known.weight * passes * known.agrees).sum(axis=1)
    agree = (known.weight * known.agrees).sum(axis=1)

    def measure(drawn: np.ndarray) -> dict[str, np.ndarray]:
        all_passed, all_kept, all_agree = drawn @ passed, drawn @ kept, drawn @ agree
        size = drawn.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "passed": all_passed / size,
                "precision": all_kept / all_passed,
                "right_passed": all_kept / all_agree,
                "wrong_passed": (all_passed - all_kept) / (size - all_agree),
            }

    values = measure(np.ones((1, len(passed))))
    ranges = intervals.of(measure, len(passed))
    return {
        name: {"value": float(value[0]) if np.isfinite(value[0]) else None} | ranges.get(name, {})
        for name, value in values.items()
    }


def describe(
    test: Predictions, validation: Predictions | None, wrong: float, precision: float
) -> dict[str, Any]:
    """What evaluation.json holds as tally.verification.

    Args:
        test: answers for the test images.
        validation: answers for the validation images; without them the test images choose the
            threshold themselves, which flatters it.
        wrong: the share of the books that is wrong.
        precision: to be reached.
    """
    known, choosing = pairs(test, wrong), pairs(validation or test, wrong)
    chosen = threshold(choosing, precision)
    return {
        "books_wrong": wrong,
        "wanted_precision": precision,
        "threshold": chosen,
        "threshold_from": "validation" if validation else "test",
        "choosing_images": len((validation or test).truth),
        "auc": _area(known),
        **outcome(known, _passing(known, chosen)),
        "same_as_answered": outcome(known, known.answered),
        "other_shares": [
            _at(test, validation or test, share, precision)
            for share in sorted({*OTHER_SHARES, wrong})
        ],
    }


def _at(test: Predictions, choosing: Predictions, wrong: float, precision: float) -> dict[str, Any]:
    chosen = threshold(pairs(choosing, wrong), precision)
    known = pairs(test, wrong)
    return {"books_wrong": wrong, "threshold": chosen, **outcome(known, _passing(known, chosen))}


def _passing(known: Pairs, chosen: float | None) -> np.ndarray:
    return np.zeros_like(known.agrees) if chosen is None else known.score >= chosen


def _area(known: Pairs) -> float | None:
    """Area under the ROC curve; it does not depend on how many books are wrong."""
    there = known.weight.ravel() > 0
    agrees = known.agrees.ravel()[there]
    if agrees.all():
        return None
    return float(
        roc_auc_score(agrees, known.score.ravel()[there], sample_weight=known.weight.ravel()[there])
    )


def sentence(verification: dict[str, Any]) -> str:
    """The answer in one line."""
    wanted, wrong = (
        f"{100 * verification[name]:.0f} %" for name in ("wanted_precision", "books_wrong")
    )
    if verification["threshold"] is None:
        return (
            f"with {wrong} of the books wrong, no threshold makes {wanted} of the passed "
            "bins right: a person must look at every bin"
        )
    passed, reached = verification["passed"], verification["precision"]
    if reached["value"] is None:
        return f"no test bin reaches the threshold {verification['threshold']:.3f}"
    return (
        f"{_span(passed)} of the bins can pass without a person, of these {_span(reached)} have "
        f"right books (wanted: {wanted}; {wrong} of the books wrong)"
    )


def _span(metric: dict[str, Any]) -> str:
    value = f"{100 * metric['value']:.1f} %"
    if "low" not in metric:
        return value
    return f"{value} ({100 * metric['low']:.0f} to {100 * metric['high']:.0f})"
