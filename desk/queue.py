"""The order in which a person looks at the bins of a shift.

First come the bins whose record is least likely to be right, then those that the model cannot
judge. Some of the bins that pass are looked at, too: nothing else shows how many wrong records
pass. These are chosen at random, and stand at random places of the queue. At its end, everybody
would know that they passed, and look at them less closely.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

PASS, LOOK, CANNOT_JUDGE = "pass", "look", "cannot_judge"


@dataclass(frozen=True)
class Judged:
    """One bin that the endpoint judged.

    Attributes:
        number: The photo's number in the shift.
        verdict: pass, look or cannot_judge.
        probability: That its record is right; None where the model has none.
    """

    number: int
    verdict: str
    probability: float | None = None


def is_sampled(shift: str, number: int, share: float) -> bool:
    """Whether a bin that passes is looked at.

    Each bin is chosen by itself, with the probability `share`. The choice depends on the shift's id
    and the photo's number alone, so that it can be repeated, and no result changes it.
    """
    digest = hashlib.sha256(f"{shift}/{number}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def arrange(shift: str, bins: Iterable[Judged], share: float) -> list[int]:
    """The photos' numbers in the order in which a person looks at them.

    Args:
        shift: The shift's id.
        bins: All bins of the shift that have a verdict, in any order.
        share: The share of the bins that pass which are looked at, from 0 to 1.
    """
    bins = sorted(bins, key=_suspicion)
    order = [one.number for one in bins if one.verdict != PASS]
    sample = [b.number for b in bins if b.verdict == PASS and is_sampled(shift, b.number, share)]
    random = Random(shift)
    random.shuffle(sample)
    places = sorted(random.randint(0, len(order)) for _ in sample)
    for place, number in reversed(list(zip(places, sample, strict=True))):
        order.insert(place, number)
    return order


def _suspicion(one: Judged) -> tuple[bool, float, int]:
    """What to sort by; without a probability nothing speaks for the record."""
    return one.verdict == CANNOT_JUDGE, one.probability or 0.0, one.number
