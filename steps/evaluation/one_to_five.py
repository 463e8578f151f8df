"""Figures on bins of 1 to 5, which publications and earlier versions of this project report.

Over the test bins that hold 1 to 5 items, with the distribution scaled to add up to 1 over these
counts; whatever else the model counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import decision
from evaluation import archive, judged_claims, metrics
from evaluation.judged_claims import JudgedClaims
from evaluation.predictions import Predictions, Recorded
from record import Record
from record_errors import KINDS, MISCOUNTED

COUNTS = (1, 2, 3, 4, 5)
FIGURES = ("accuracy", "within_one_accuracy", "expected_count_rmse", "calibration_error")
# What the aim of the project is stated for: one quantity miscounted on one of ten records.
ERROR_RATE = 0.1
PRECISION = 0.95
NOT_COUNTED = "the model does not count 1 to 5 one by one"
NO_BINS = "no test bin holds 1 to 5 items"


def describe(
    loaded: archive.LoadedModel,
    network: Any,
    test: Predictions,
    validation: Predictions | None,
) -> dict[str, Any]:
    """What evaluation.json holds as tally.one_to_five.

    Args:
        loaded: the model.
        network: of `archive.network`.
        test: predictions for the test images.
        validation: for the validation images, to choose thresholds on; None if there are none.
    """
    nothing = {"images": 0, "photo": None, "with_record": None, "passes": None}
    if not set(COUNTS) <= set(loaded.classes.counts) or loaded.classes.last_exact < COUNTS[-1]:
        return nothing | {"left_out": NOT_COUNTED}
    bins = restrict(test)
    if bins is None:
        return nothing | {"left_out": NO_BINS}
    return {
        "images": len(bins.truth),
        "photo": _figures(bins),
        "with_record": None if bins.with_record is None else _figures(bins.with_record),
        "passes": _passes(loaded, network, test, validation),
        "left_out": "",
    }


def restrict(predicted: Predictions) -> Predictions | None:
    """The bins of 1 to 5, predicted as if there were no others; None if there are none."""
    inside = np.flatnonzero(np.isin(predicted.truth, COUNTS))
    if not len(inside):
        return None
    some = predicted.subset(inside)
    columns = [predicted.classes.index(count) for count in COUNTS]
    shares = _scaled(some.probabilities[:, columns])
    rows, answered = np.arange(len(inside)), decision.decide(shares, COUNTS)
    recorded = some.recorded
    if recorded:
        both, items = (_scaled(found[:, columns]) for found in (recorded.both, recorded.items))
        answers = np.array(COUNTS)[decision.decide(np.nan_to_num(both), COUNTS)]
        known = recorded.known
        recorded = Recorded(known, items, both, np.where(known, answers, np.nan))
    return replace(
        some, classes=COUNTS, or_more=False, answer=np.array(COUNTS)[answered],
        confidence=shares[rows, answered],
        truth_probability=shares[rows, some.truth - COUNTS[0]],
        expected_count=shares @ np.array(COUNTS), probabilities=shares, recorded=recorded,
    )  # fmt: skip


def _figures(predicted: Predictions) -> dict[str, Any]:
    estimates = metrics.estimate(predicted)
    return {"images": len(predicted.truth)} | {name: estimates[name] for name in FIGURES}


def _passes(
    loaded: archive.LoadedModel, network: Any, test: Predictions, validation: Predictions | None
) -> dict[str, Any] | None:
    """How many bins pass with 95 % right, if one of ten records has a miscounted quantity.

    By the probability of the quantity on record by the photo, and by photo and items; and by the
    rule's match probability. The threshold of each is chosen on validation for this purpose.
    """
    if validation is None or loaded.rule is None or network is None:
        return None
    judged = _miscounted(loaded, network, test)
    choosing = _miscounted(loaded, network, validation)
    if judged is None or choosing is None:
        return None
    passes: dict[str, Any] = {"record_error_rate": ERROR_RATE, "match_precision": PRECISION}
    for name, score in judged.scores.items():
        chosen = choosing.scores[name]
        known = np.isfinite(chosen)
        if not known.any() or not np.isfinite(score).any():
            passes[name] = None
            continue
        threshold = decision.lowest_threshold(
            chosen[known], choosing.right[known], choosing.weight[known], PRECISION
        )
        passing = np.zeros(len(score)) if threshold is None else score >= threshold
        passes[name] = {"threshold": threshold} | judged.shares(
            {
                "passed": (passing, np.ones(len(score))),
                "precision": (passing * judged.right, passing),
            }
        )
    return passes


def _miscounted(
    loaded: archive.LoadedModel, network: Any, predicted: Predictions
) -> JudgedClaims | None:
    """Bins of 1 to 5, each with its record and with every quantity of 1 to 5 that is wrong.

    As the project's aim was measured: the nearer to the truth, the likelier, in proportion to
    1 / distance, and none below the number of items listed. Exact: nothing is drawn.
    """
    inside = np.flatnonzero(np.isin(predicted.truth, COUNTS))
    if not len(inside):
        return None
    some = predicted.subset(inside)
    pairs = [
        (index, record, weight)
        for index, image in enumerate(some.images)
        for record, weight in miscounts(image.record)
    ]
    bins = np.array([index for index, _, _ in pairs])
    records = [record for _, record, _ in pairs]
    weight = np.array([weight for _, _, weight in pairs])
    right = np.array([record.quantity for record in records]) == some.truth[bins]
    if right.all():
        return None
    evidence = judged_claims.look(loaded, network, some, bins, records)
    probability = loaded.program.answer.decision.match_probability
    columns = [predicted.classes.index(count) for count in COUNTS]
    quantity = np.array([record.quantity for record in records])
    claimed, rows = quantity - COUNTS[0], np.arange(len(pairs))
    nothing = np.full(len(predicted.classes), np.nan)
    photo = np.array([one.photo for one in evidence])
    both = np.array([nothing if one.both is None else one.both for one in evidence])
    return JudgedClaims(
        size=len(inside),
        bins=bins,
        kinds=np.where(right, judged_claims.RIGHT, KINDS.index(MISCOUNTED)),
        weight=weight,
        quantity=quantity,
        verdicts=np.full(len(pairs), ""),
        scores={
            "photo": _scaled(photo[:, columns])[rows, claimed],
            "with_record": _scaled(both[:, columns])[rows, claimed],
            "match": np.array(
                [
                    probability(one, record, loaded.rule)
                    for one, record in zip(evidence, records, strict=True)
                ],
                dtype=float,  # None, where the rule could not be fitted, becomes nan
            ),
        },
    )


def miscounts(record: Record) -> list[tuple[Record, float]]:
    """A right record and the miscounted ones beside it, each with its weight."""
    listed = len(record.items or (None,))
    others = [c for c in COUNTS if c != record.quantity and c >= listed]
    near = [1 / abs(count - record.quantity) for count in others]
    wrong = [
        (_claiming(record, count), ERROR_RATE * share / sum(near))
        for count, share in zip(others, near, strict=True)
    ]
    return [(record, 1 - ERROR_RATE), *wrong]


def _claiming(record: Record, quantity: int) -> Record:
    """The same items in other numbers: more of the first, or fewer of those there are most of."""
    if not record.items:
        return Record(quantity, record.items)
    numbers = [item.quantity or 1 for item in record.items]
    numbers[0] += max(0, quantity - record.quantity)
    for _ in range(record.quantity - quantity):
        numbers[numbers.index(max(numbers))] -= 1
    items = (
        replace(item, quantity=number) for item, number in zip(record.items, numbers, strict=True)
    )
    return Record(quantity, tuple(items))


def _scaled(shares: np.ndarray) -> np.ndarray:
    total = shares.sum(axis=1, keepdims=True)
    return np.asarray(shares / np.where(total > 0, total, 1))
