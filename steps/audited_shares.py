"""Shares with 95 % intervals: of one group of bins, and over groups that were looked at unequally.

A share of one group has Wilson's score interval (E. B. Wilson, JASA 22, 1927).

Bins that the model passes are hardly looked at, the others all are. So the share over all bins is
the sum of each group's share times the group's part of all bins. Its interval is MOVER's, which
recovers the variance of each share from its Wilson interval (G. Y. Zou, W. Huang, X. Zhang, "A note
on confidence interval estimation for a linear function of binomial proportions", Computational
Statistics & Data Analysis 53, 2009). The groups' parts are counted on the same bins, and other bins
would divide otherwise: double sampling for stratification adds the variance between the groups
(W. G. Cochran, Sampling Techniques, 3rd edition, 1977, section 12.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Share:
    """A share from 0 to 1 and the limits of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """Bins of one kind, of which some were looked at.

    Attributes:
        bins: How many there are.
        audited: How many of them were looked at, chosen at random, or all.
        hits: How many of those have what is counted.
    """

    bins: int
    audited: int
    hits: int

    @property
    def share(self) -> Share | None:
        """The share of hits; None if none was looked at."""
        return wilson(self.hits, self.audited)


def wilson(hits: int, of: int) -> Share | None:
    """The share `hits / of` with Wilson's score interval; None of nothing."""
    if not of:
        return None
    share = hits / of
    squared = Z * Z / of
    centre = (share + squared / 2) / (1 + squared)
    half = Z * math.sqrt(share * (1 - share) / of + squared / (4 * of)) / (1 + squared)
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    return Share(share, low, 1.0 if hits == of else min(1.0, centre + half))


def over_groups(groups: Sequence[Group]) -> Share | None:
    """The share over all bins of some groups, as if these bins were chosen from many at random.

    Returns:
        None if there are no bins, or if nobody looked at any bin of a group that has some.
    """
    groups = [group for group in groups if group.bins]
    shares = [group.share for group in groups]
    known = [share for share in shares if share is not None]
    if not known or len(known) < len(groups):
        return None
    bins = sum(group.bins for group in groups)
    parts = [group.bins / bins for group in groups]
    value = sum(part * share.value for part, share in zip(parts, known, strict=True))
    between = sum(part * (s.value - value) ** 2 for part, s in zip(parts, known, strict=True))
    between *= Z * Z / bins
    below = sum((part * (s.value - s.low)) ** 2 for part, s in zip(parts, known, strict=True))
    above = sum((part * (s.high - s.value)) ** 2 for part, s in zip(parts, known, strict=True))
    if len(groups) == 1:  # Wilson's own limits, to the last digit
        return known[0]
    return Share(
        value,
        max(0.0, value - math.sqrt(below + between)),
        min(1.0, value + math.sqrt(above + between)),
    )
