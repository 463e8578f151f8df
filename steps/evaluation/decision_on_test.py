"""What the model's decision does on test bins: who passes, who is looked at, what is found.

The rule and its thresholds are the model's own, as Train fitted them on validation. Records are
made wrong in four ways (judged_claims.py). docs/decision.md explains the figures in plain words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evaluation import archive, decision_words, intervals, judged_claims, ranking
from evaluation.intervals import Estimate
from evaluation.judged_claims import ITEMS, MATCH, PHOTO, JudgedClaims
from evaluation.predictions import Predictions
from record_errors import KINDS, RecordErrors

OTHER_ERROR_RATES = (0.02, 0.05, 0.1, 0.2, 0.3)  # of the table
CURVE = np.linspace(0, 1, 51)  # shares of bins looked at
ALL, ABOVE_PHOTO = -2, "above_photo"
UNKNOWN: Estimate = {"value": None}
NO_RULE = "the model was trained without a rule for decisions"
NO_NETWORK = "the model's program offers no network in PyTorch"


def describe(
    loaded: archive.LoadedModel,
    network: Any,
    predicted: Predictions,
    errors: RecordErrors,
    match_precision: float,
) -> dict[str, Any]:
    """What evaluation.json holds as tally.decision.

    Args:
        loaded: the model.
        network: of `archive.network`; None where there is none.
        predicted: by the model for the test images.
        errors: how records are assumed to be wrong.
        match_precision: the share of passing bins whose record must be right.

    Raises:
        EvaluationError: what would be judged here is not what is served.
    """
    described: dict[str, Any] = {
        "match_precision": match_precision,
        "record_error_rate": errors.rate,
        "record_error_kinds": dict(errors.kinds),
        "if_nobody_looked": 1 - errors.rate,
        "fitted": None,
        "left_out": NO_RULE,
    }
    if loaded.rule is not None:
        described["fitted"] = _fitted(loaded.rule)
        described["left_out"] = "" if network is not None else NO_NETWORK
    claims: JudgedClaims | None = None
    results: dict[str, Any] = dict.fromkeys(SHARES, UNKNOWN) | NOTHING
    if not described["left_out"]:
        difference = judged_claims.check_join(network, predicted)
        claims = judged_claims.judge(loaded, network, predicted, errors)
        results = _results(claims, errors) | {"largest_difference": difference}
    described |= results
    described |= {
        "images": len(predicted.images),
        "with_items": 0 if predicted.recorded is None else int(predicted.recorded.known.sum()),
        "curve": [] if claims is None else _curves(claims),
        # What CheckAccuracy compares; where nothing is known, it meets no requirement above 0.
        "compared_found_share": {"value": described["found_share"]["value"] or 0.0},
        "found_in_words": decision_words.found(described),
    }
    described["missed"] = decision_words.is_missed(described)
    described["sentence"] = decision_words.sentence(described)
    described["short"] = decision_words.short(described)
    return described


SHARES = (
    "passed", "looked", "cannot_judge", "found_share", "wrong_passed", "wrong_cannot_judge",
    "precision",
)  # fmt: skip
NOTHING: dict[str, Any] = {
    "auc": {}, "found_when_looking_as_often": {}, "kinds": {}, "other_rates": [],
    "largest_difference": None,
}  # fmt: skip


def _results(claims: JudgedClaims, errors: RecordErrors) -> dict[str, Any]:
    passed, looked, cannot = (claims.verdicts == v for v in ("pass", "look", "cannot_judge"))
    right, wrong, every = claims.right, ~claims.right, np.ones(len(claims.bins))
    shares = claims.shares(
        {
            "passed": (passed, every),
            "looked": (looked, every),
            "cannot_judge": (cannot, every),
            "found_share": (looked & wrong, wrong),
            "wrong_passed": (passed & wrong, wrong),
            "wrong_cannot_judge": (cannot & wrong, wrong),
            "precision": (passed & right, passed),
        }
    )
    share = shares["looked"]["value"] or 0.0
    made = [index for index in range(len(KINDS)) if (claims.kinds == index).any()]
    areas = _areas(claims, made) if made else {}
    return {
        **shares,
        "auc": areas.get(ALL, {}),
        "found_when_looking_as_often": _found(claims, claims.weight, wrong, share),
        "kinds": {
            KINDS[index]: _kind(claims, claims.kinds == index, share) | {"auc": areas[index]}
            for index in made
        },
        "other_rates": [
            _at_rate(claims, rate, errors.rate)
            for rate in sorted({*OTHER_ERROR_RATES, errors.rate})
        ],
    }


def _kind(claims: JudgedClaims, of_kind: np.ndarray, share: float) -> dict[str, Any]:
    """One kind of wrong record: found by the rule, and if it were the only kind."""
    size, total = (claims.weight[wrong].sum() for wrong in (of_kind, ~claims.right))
    alone = claims.weight * (claims.right + of_kind * (total / size))
    ratios = {
        "found_share": ((claims.verdicts == "look") & of_kind, of_kind),
        "cannot_judge": ((claims.verdicts == "cannot_judge") & of_kind, of_kind),
    }
    return {
        "share": float(size / total),
        **claims.shares(ratios),
        "found_when_looking_as_often": _found(claims, alone, of_kind, share),
    }


def _areas(claims: JudgedClaims, kinds: Sequence[int]) -> dict[int, dict[str, Estimate]]:
    """The AUC of each score for each kind, and by how much the rule's is above the photo's.

    Of the kinds together (ALL) it is the mean of the kinds' own, weighted by how often they occur.
    """
    measures = {
        (kind, name): ranking.area(claims, score, claims.kinds == kind)
        for kind in kinds
        for name, score in claims.scores.items()
    }
    sizes = {
        kind: np.bincount(
            claims.bins, weights=claims.weight * (claims.kinds == kind), minlength=claims.size
        )
        for kind in kinds
    }

    def measure(draws: np.ndarray) -> dict[str, np.ndarray]:
        areas = {key: one(draws) for key, one in measures.items()}
        weights = {kind: draws @ size for kind, size in sizes.items()}
        for name in claims.scores:
            total = sum(weights[kind] * areas[kind, name] for kind in kinds)
            areas[ALL, name] = total / sum(weights.values())
        for kind in (*kinds, ALL):
            areas[kind, ABOVE_PHOTO] = areas[kind, MATCH] - areas[kind, PHOTO]
        return {f"{kind} {name}": values for (kind, name), values in areas.items()}

    estimates = intervals.estimate(measure, claims.size)
    names = (*claims.scores, ABOVE_PHOTO)
    return {kind: {n: estimates[f"{kind} {n}"] for n in names} for kind in (*kinds, ALL)}


def _found(
    claims: JudgedClaims, weight: np.ndarray, wrong: np.ndarray, share: float
) -> dict[str, Estimate]:
    """The share of wrong records found by each score, if people look at this share of the bins.

    The intervals are for the thresholds at which they look at that share of all bins.
    """
    weighed = replace(claims, weight=weight)
    ratios = {
        name: (ranking.looked_at(score, weight, share) * wrong, wrong)
        for name, score in claims.scores.items()
        if np.isfinite(score).any()
    }
    return dict.fromkeys(claims.scores, UNKNOWN) | weighed.shares(ratios)


def _at_rate(claims: JudgedClaims, rate: float, assumed: float) -> dict[str, Any]:
    """What the same thresholds do where another share of the records is wrong."""
    factor = np.where(claims.right, (1 - rate) / (1 - assumed), rate / assumed)
    passed, looked = claims.verdicts == "pass", claims.verdicts == "look"
    shares = claims.shares(
        {
            "passed": (passed * factor, factor),
            "looked": (looked * factor, factor),
            "precision": (passed * claims.right * factor, passed * factor),
        }
    )
    return {"record_error_rate": rate} | shares


def _curves(claims: JudgedClaims) -> list[dict[str, float | None]]:
    """Wrong records found at each share of bins looked at, by score; None past a curve's end."""
    curves = {
        name: ranking.curve(score, claims.weight, ~claims.right)
        for name, score in claims.scores.items()
        if np.isfinite(score).any()
    }
    rows = []
    for looked in CURVE:
        row: dict[str, float | None] = {"looked": round(float(looked), 4)}
        for name in (MATCH, PHOTO, ITEMS):
            at, found = curves.get(name, (np.zeros(1), np.zeros(1)))
            known = looked <= at[-1]
            row[name] = round(float(np.interp(looked, at, found)), 4) if known else None
        judged = curves[MATCH] if MATCH in curves else (np.zeros(1), np.zeros(1))
        # Looking at random finds wrong records as often as they occur among those judged.
        known = bool(judged[0][-1]) and looked <= judged[0][-1]
        row["random"] = round(float(looked * judged[1][-1] / judged[0][-1]), 4) if known else None
        rows.append(row)
    return rows


def _fitted(rule: Any) -> dict[str, Any]:
    """What Train fitted the rule for, and its thresholds."""
    return {
        "match_precision": float(rule.match_precision),
        "record_error_rate": float(rule.errors.rate),
        "record_error_kinds": {name: float(share) for name, share in rule.errors.kinds.items()},
        "threshold": rule.by_quantity and rule.by_quantity.threshold,
        "threshold_with_items": rule.by_items and rule.by_items.threshold,
    }
