"""The decision about a bin: pass, look, or cannot judge. The one rule, wherever it is applied.

Copied into the model as `code/decision.py`: Train fits the threshold on validation with it and
writes it into model.json, Evaluate judges it on test, and the endpoint applies it. docs/decision.md
explains it in plain words.

The record is right, or wrong in one of four ways. Each says which counts the photo should then
show, so Bayes' rule gives the probability that the record is right (`match_probability`). A bin
passes if that reaches the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from counts import Classes
from record import Record

Verdict = Literal["pass", "look", "cannot_judge"]
Shares = NDArray[np.float64]

MISCOUNTED, NOT_THERE, NOT_LISTED, EXCHANGED = (
    "miscounted", "item_not_there", "item_not_listed", "exchanged",
)  # fmt: skip
KINDS = (MISCOUNTED, NOT_THERE, NOT_LISTED, EXCHANGED)
# A quantity is miscounted by 1, 2 or 3, the likelier the nearer: in proportion to 1 / distance.
MISCOUNTED_BY = {1: 6 / 11, 2: 3 / 11, 3: 2 / 11}
# How many of an unlisted item are in a bin: the shares of the quantities of ABID's items.
UNLISTED = {1: 0.75, 2: 0.15, 3: 0.06, 4: 0.04}
TINY = 1e-9
NO_BIN = "this does not look like a bin"


@dataclass(frozen=True)
class Evidence:
    """What a model says about one bin; each distribution is float (classes,).

    Attributes:
        photo: by the photo alone.
        items: by the items on record alone; None where there are none.
        both: by photo and items; None where there are none.
        strangeness: how unlike a bin the photo is; 1 at the limit.
    """

    photo: Shares
    items: Shares | None = None
    both: Shares | None = None
    strangeness: float = 0.0

    @property
    def best(self) -> Shares:
        """By all that is known."""
        return self.photo if self.both is None else self.both


@dataclass(frozen=True)
class Rule:
    """When a bin passes.

    Attributes:
        classes: of the model.
        prior: float (classes,), the share of each class among the bins of training.
        threshold: the lowest match probability that passes; None if none does.
        match_precision: the share of passing bins whose record must be right.
        record_error_rate: the share of records that is assumed to be wrong.
        kinds: the share of each of KINDS among the wrong ones; they add up to 1.
    """

    classes: Classes
    prior: Shares
    threshold: float | None
    match_precision: float
    record_error_rate: float
    kinds: Mapping[str, float]

    @staticmethod
    def read(settings: Mapping[str, Any]) -> Rule | None:
        """The rule in a model.json; None if it has none."""
        stored = settings.get("decision")
        if stored is None:
            return None
        return Rule(
            Classes(tuple(settings["classes"]), bool(settings.get("or_more", False))),
            np.array(stored["prior"]),
            stored["threshold"],
            stored["match_precision"],
            stored["record_error_rate"],
            stored["record_error_kinds"],
        )

    def as_dict(self) -> dict[str, Any]:
        """The rule as model.json holds it, without the classes, which stand there already."""
        return {
            "threshold": self.threshold,
            "match_precision": self.match_precision,
            "record_error_rate": self.record_error_rate,
            "record_error_kinds": dict(self.kinds),
            "prior": [round(float(share), 6) for share in self.prior],
        }


@dataclass(frozen=True)
class Judgement:
    """What the rule says about one bin and its record."""

    verdict: Verdict
    match_probability: float | None
    reason: str


def judge(evidence: Evidence, record: Record, rule: Rule) -> Judgement:
    """Decide about a bin with its record.

    Args:
        evidence: of the model.
        record: on file; its items, if any, are those that the evidence is about.
        rule: of the model.
    """
    classes = rule.classes
    if evidence.strangeness > 1:
        return Judgement("cannot_judge", None, NO_BIN)
    shown = _shown(evidence.photo, classes)
    if record.quantity > classes.last_exact:
        return Judgement(
            "cannot_judge", None,
            f"the record lists {record.quantity} items, this model counts to "
            f"{classes.last_exact}; the photo shows {shown}",
        )  # fmt: skip
    if classes.of(record.quantity) is None:
        return Judgement(
            "cannot_judge", None,
            f"the record lists {_items(record.quantity)}, and this model never saw such a bin",
        )  # fmt: skip
    probability = match_probability(evidence, record, rule)
    if rule.threshold is not None and probability >= rule.threshold:
        return Judgement(
            "pass", probability, f"photo and record agree on {_items(record.quantity)}"
        )
    return Judgement("look", probability, _doubt(evidence, record, classes, shown))


def match_probability(evidence: Evidence, record: Record, rule: Rule) -> float:
    """The probability that the record is right, if it claims a quantity that the model counts.

    With p, r, b and q the shares of the counts by the photo, by the items, by both and in training:
    the photo is p(y) / q(y) times as likely for a bin that holds y as for any bin. A right record
    of c items has the likelihood p(c) r(c) / q(c); an exchanged one r(c), as the photo is of some
    bin; in between, the true count differs from c as the kind of error says. For a model that joins
    photo and items in another way than by this product, b(c) times its sum over c stands for it.
    """
    classes, error = rule.classes, rule.record_error_rate
    counts = classes.counts
    claimed = counts.index(record.quantity)
    likelihood = evidence.photo / np.maximum(rule.prior, TINY)
    items = rule.prior if evidence.items is None else evidence.items
    agreement = float(likelihood @ items)
    joined = agreement * evidence.best
    kinds = dict(rule.kinds)
    quantities = [item.quantity for item in record.items or () if item.quantity]
    if not quantities:  # without a list, a missing or surplus item is a wrong quantity
        kinds[MISCOUNTED] += kinds[NOT_THERE] + kinds[NOT_LISTED]
        kinds[NOT_THERE] = kinds[NOT_LISTED] = 0.0
    distances = np.abs(np.array(counts) - record.quantity)
    miscounted = sum(share / 2 * joined[distances == by].sum() for by, share in MISCOUNTED_BY.items())

    def shown(true_count: int) -> float:
        class_ = classes.of(true_count)
        return 0.0 if class_ is None else float(likelihood[counts.index(class_)])

    surplus = [shown(record.quantity - quantity) for quantity in quantities]
    lacking = [share * shown(record.quantity + more) for more, share in UNLISTED.items()]
    wrong = (
        kinds[MISCOUNTED] * miscounted
        + kinds[NOT_THERE] * items[claimed] * (sum(surplus) / len(surplus) if surplus else 0.0)
        + kinds[NOT_LISTED] * items[claimed] * sum(lacking)
        + kinds[EXCHANGED] * items[claimed]
    )
    right = (1 - error) * joined[claimed]
    return float(right / max(right + error * wrong, TINY))


def lowest_threshold(
    probabilities: Shares, right: NDArray[np.bool_], weights: Shares, precision: float
) -> float | None:
    """The lowest threshold whose passing records reach a precision; None where none does.

    The lowest passes the most bins.

    Args:
        probabilities: the match probability of each pair of a bin and a record (n).
        right: whether the record is right (n).
        weights: how often the pair occurs (n).
        precision: the share of the passing records that must be right.
    """
    order = np.argsort(-probabilities, kind="stable")
    score, passed = probabilities[order], np.cumsum(weights[order])
    good = np.cumsum((weights * right)[order])
    last = np.append(np.diff(score) != 0, True) & (passed > 0)  # equal scores pass together
    # Sums of weights are not exact: 95 of 100 must not fail by the last digit.
    reached = last & (good >= (precision - 1e-9) * passed)
    return float(score[reached].min()) if reached.any() else None


def answer(probabilities: Shares, classes: Sequence[int]) -> int:
    """The index of the count that is worth most; see `engine.decide`."""
    import engine

    return int(engine.decide(probabilities[None], classes)[0])


def _shown(photo: Shares, classes: Classes) -> str:
    """What the photo shows, in words."""
    return f"about {classes.words(classes.counts[answer(photo, classes.counts)])}"


def _doubt(evidence: Evidence, record: Record, classes: Classes, shown: str) -> str:
    if classes.counts[answer(evidence.photo, classes.counts)] != record.quantity:
        return f"the photo shows {shown}, the record says {record.quantity}"
    if classes.counts[answer(evidence.best, classes.counts)] != record.quantity:
        return (
            f"the photo shows {shown}, but bins with these items rarely hold {record.quantity}"
        )
    return f"the photo shows {shown}, as the record says, but not clearly enough"


def _items(quantity: int) -> str:
    return f"{quantity} item{'s' * (quantity != 1)}"
