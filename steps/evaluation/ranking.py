"""How well a score tells wrong records from right ones: the AUC, and what is found by looking."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evaluation.judged_claims import JudgedClaims

BLOCK = 1_000_000  # numbers held at once


def area(
    claims: JudgedClaims, score: np.ndarray, wrong: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """The AUC of a score over samples of the bins.

    The probability that a right record has a higher score than a wrong one, ties counted half
    (Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic curve"), with the weights of the pairs. It does not depend on how many records
    are wrong.

    Args:
        claims: bins with records.
        score: float (m,); pairs without a score are left out.
        wrong: bool (m,), the wrong records to tell from the right ones.

    Returns:
        From how often each sample draws each bin (samples, bins) to the AUC of each (samples,).
    """
    used = np.flatnonzero(np.isfinite(score) & (wrong | claims.right))
    order = used[np.argsort(score[used], kind="stable")]
    ranked = score[order]
    starts = np.flatnonzero(np.append(True, np.diff(ranked) != 0)) if len(order) else order
    bins, weight, right = claims.bins[order], claims.weight[order], claims.right[order]

    def some(draws: np.ndarray) -> np.ndarray:
        drawn = draws[:, bins] * weight
        good = np.add.reduceat(drawn * right, starts, axis=1)
        bad = np.add.reduceat(drawn * ~right, starts, axis=1)
        above = good * (np.cumsum(bad, axis=1) - bad / 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            areas = above.sum(axis=1) / (good.sum(axis=1) * bad.sum(axis=1))
        return np.minimum(areas, 1.0)  # sums of weights are not exact

    def measure(draws: np.ndarray) -> np.ndarray:
        if not right.any() or right.all():
            return np.full(len(draws), np.nan)
        rows = max(1, BLOCK // len(order))
        parts = [some(draws[start : start + rows]) for start in range(0, len(draws), rows)]
        return np.concatenate(parts)

    return measure


def looked_at(score: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray:
    """How far each pair is looked at if people look at the lowest scores first: 0 to 1 (m,).

    Args:
        score: float (m,); pairs without a score are never looked at.
        weight: float (m,), of each pair.
        share: of the whole weight; equal scores at the edge are looked at in part.
    """
    order = np.argsort(np.where(np.isfinite(score), score, np.inf), kind="stable")
    ranked, size = score[order], weight[order] * np.isfinite(score[order])
    starts = np.flatnonzero(np.append(True, np.diff(ranked) != 0))
    groups = np.add.reduceat(size, starts)
    before = np.cumsum(groups) - groups
    part = (share * weight.sum() - before) / np.where(groups > 0, groups, 1)
    lengths = np.diff(np.append(starts, len(ranked)))
    found = np.empty(len(score))
    found[order] = np.repeat(np.clip(part, 0, 1), lengths) * np.isfinite(ranked)
    return found


def curve(
    score: np.ndarray, weight: np.ndarray, wrong: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The share of bins looked at, and of wrong records found, the lowest scores first.

    Args:
        score: float (m,); pairs without a score are never looked at, so the curve ends before 1.
        weight: float (m,), of each pair.
        wrong: bool (m,), the record is wrong.
    """
    known = np.flatnonzero(np.isfinite(score))
    order = known[np.argsort(score[known], kind="stable")]
    looked = np.cumsum(weight[order]) / weight.sum()
    found = np.cumsum((weight * wrong)[order]) / (weight * wrong).sum()
    last = np.append(np.diff(score[order]) != 0, True)
    return np.append(0.0, looked[last]), np.append(0.0, found[last])
