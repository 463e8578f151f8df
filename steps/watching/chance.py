"""The population stability index, and how often chance alone gives one as large.

PSI adds up (p - q) ln(p / q) over the bins; p is the share of the answers, q that of the test. Its
usual thresholds (0.1, 0.25) take no account of how few photos there are: for 300 answers and a test
of 60 photos chance alone often gives 0.1. So the same number of answers is drawn many times from
what the test says, and the share of the draws with a PSI as large is the chance of it.

What the test says is itself known from few photos only. Each draw therefore draws the true shares
first, from their Dirichlet distribution given the test's photos. For bins of equal size of a number
this is exact: the shares between the order statistics of a sample have a Dirichlet distribution
(S. S. Wilks, Mathematical Statistics, 1962, section 8.7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from watching.baseline import Table

DRAWS = 10_000
SMOOTHING = 0.5  # photos that are added to each bin, so that an empty one has a logarithm
PRIOR = 0.5  # photos in each bin before the test was seen
STEPS = 10  # in which the share of wrong records is tried
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """A measure of the answers beside that of the test.

    Attributes:
        answers: how many answers have the measure.
        shares: of the answers, by bin.
        expected: the shares by the test, for the same mix of counts.
        psi: the population stability index.
        chance: the probability of a PSI at least as large if nothing has changed.
        chance_psi: the PSI that chance exceeds in one comparison of twenty.
    """

    answers: int
    shares: Shares
    expected: Shares
    psi: float
    chance: float
    chance_psi: float


def index(observed: NDArray[np.float64], expected: Shares) -> NDArray[np.float64]:
    """PSI of numbers of answers (..., bins) from expected shares (bins)."""
    bins = observed.shape[-1]
    total = observed.sum(axis=-1, keepdims=True)
    p = (observed + SMOOTHING) / (total + SMOOTHING * bins)
    result: NDArray[np.float64] = ((p - expected) * np.log(p / expected)).sum(axis=-1)
    return result


def compare(
    table: Table,
    observed: Sequence[int],
    mix: Mapping[str, float],
    generator: np.random.Generator,
    most_wrong: float = 0.0,
    if_wrong: Sequence[str] = (),
) -> Comparison:
    """Compare how often the answers have each value with the test.

    Args:
        table: of the test.
        observed: answers in each bin; at least one in all.
        mix: the share of each true count among the answers, by its name.
        generator: of the draws.
        most_wrong: the largest share of wrong records that is no change.
        if_wrong: the values that those may have, in whatever shares fit the answers best: nobody
            knows how many records are wrong, and in which way. Empty where that does not matter.
    """
    seen = np.asarray(observed, dtype=float)
    expected = _expected(table, mix)
    wrong = _best_wrong(table, expected, seen, most_wrong, if_wrong)
    q = _with_wrong(expected, wrong)
    value = float(index(seen, q))
    drawn = generator.multinomial(
        int(seen.sum()), _with_wrong(_drawn_shares(table, mix, generator), wrong)
    )
    by_chance = index(drawn.astype(float), q)
    return Comparison(
        int(seen.sum()),
        seen / seen.sum(),
        q,
        value,
        _chance(by_chance >= value - 1e-12),
        float(np.quantile(by_chance, 0.95)),
    )


def at_least(
    table: Table,
    name: str,
    observed: Sequence[int],
    mix: Mapping[str, float],
    generator: np.random.Generator,
    most_wrong: float,
) -> tuple[float, float]:
    """How much of one value is expected at most, and the chance of at least the observed share.

    Args:
        table: of the test.
        name: of the value of which much is bad.
        observed: as for `compare`.
        mix: the same.
        generator: the same.
        most_wrong: the share of wrong records that is assumed; each of them has the value.

    Returns:
        The expected share with that many wrong records, and the chance.
    """
    at, total = table.names.index(name), int(sum(observed))
    share = (1 - most_wrong) * float(_expected(table, mix)[at]) + most_wrong
    drawn = (1 - most_wrong) * _drawn_shares(table, mix, generator)[:, at] + most_wrong
    by_chance = generator.binomial(total, drawn)
    return share, _chance(by_chance >= observed[at])


def _chance(as_large: NDArray[np.bool_]) -> float:
    """The share of draws, counting what was observed as one of them: it is never 0."""
    return (1 + int(as_large.sum())) / (1 + len(as_large))


def _rows(table: Table) -> dict[str, Shares]:
    """The photos in each bin by true count, and half a photo (Jeffreys) in each bin of all counts.

    A bin without a photo of the test is rare then, not impossible.
    """
    rows = {count: np.asarray(row, dtype=float) for count, row in table.counts.items()}
    return {count: row + PRIOR / len(rows) for count, row in rows.items()}


def _expected(table: Table, mix: Mapping[str, float]) -> Shares:
    rows = _rows(table)
    total: Shares = np.sum(
        [share * rows[count] / rows[count].sum() for count, share in mix.items()], axis=0
    )
    return total


def _drawn_shares(table: Table, mix: Mapping[str, float], generator: np.random.Generator) -> Shares:
    rows = _rows(table)
    total = np.zeros((DRAWS, len(table.names)))
    for count, share in mix.items():
        row = rows[count]
        # Its variance is then that of a share among this count's photos.
        weight = max(1, sum(table.counts[count]) - 1)
        total += share * generator.dirichlet(weight * row / row.sum(), DRAWS)
    drawn: Shares = total / total.sum(axis=1, keepdims=True)
    return drawn


def _with_wrong(shares: Shares, wrong: Shares) -> Shares:
    """Shares where some records are wrong; `wrong` adds up to how many."""
    mixed: Shares = (1 - wrong.sum()) * shares + wrong
    return mixed


def _best_wrong(
    table: Table, expected: Shares, seen: Shares, most: float, if_wrong: Sequence[str]
) -> Shares:
    """How many records are wrong, by their value, so that the answers are likeliest."""
    best = np.zeros(len(table.names))
    if not if_wrong:
        return best
    places = [table.names.index(name) for name in if_wrong]
    likeliest = -np.inf
    for parts in product(range(STEPS + 1), repeat=len(places)):
        if sum(parts) > STEPS:
            continue
        wrong = np.zeros(len(table.names))
        wrong[places] = most * np.array(parts) / STEPS
        likelihood = float(seen @ np.log(_with_wrong(expected, wrong)))
        if likelihood > likeliest:
            best, likeliest = wrong, likelihood
    return best
