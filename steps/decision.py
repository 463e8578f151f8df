"""The decision about a bin: pass, look, or cannot judge. The one rule, wherever it is applied.

Copied into the model as `code/decision.py`: Train fits its weights and thresholds on validation and
writes them into model.json, Evaluate judges them on test, and the endpoint applies them.
docs/decision.md explains the rule in plain words.

A multinomial logistic regression tells right records from those that are wrong in one of four ways,
by what photo and items say about the quantity on record, and about the quantities that the bin
would hold if it were wrong. What the photo alone says about the quantity on record is added, so
that it can overrule a list of items that is wrong itself. A bin passes if the probability that its
record is right (`match_probability`) reaches the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from counts import Classes
from record import Record
from record_errors import MISCOUNTED_BY, UNLISTED, RecordErrors

Verdict = Literal["pass", "look", "cannot_judge"]
Shares = NDArray[np.float64]

TINY = 1e-9
NEAR = 0.3  # value of an answer that is one item off, relative to the right answer
LEAST = 1e-4  # of a share, before its logarithm is taken
LARGEST_ODDS = 40.0  # logarithm, against overflow
LISTED = 4  # items on record, or more, are one case
NO_BIN = "this does not look like a bin"
NOT_FITTED = (
    "the decision could not be fitted in training (too few bins, or they tell nothing); "
    "have somebody look"
)


@dataclass(frozen=True)
class Evidence:
    """What a model says about one bin; each distribution is float (classes,).

    Attributes:
        photo: by the photo alone.
        items: by the items on record alone; None where there are none.
        both: by photo and items; None where there are none.
        strangeness: how unlike a bin the photo is.
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
class Match:
    """The regression for records with items, or for those without, and the threshold on it.

    Attributes:
        weights: for each kind of wrong record, by the name of the number that each is multiplied
            with (see `numbers`): they add up to the log odds of that kind against a right record.
        threshold: the lowest match probability that passes; None if none does.
        photo: weight of the photo's own log probability of the quantity on record.
        slope, constant: from the score to the log odds that a record is right (Platt 1999).
    """

    weights: Mapping[str, Mapping[str, float]]
    threshold: float | None
    photo: float = 0.0
    slope: float = 1.0
    constant: float = 0.0

    def score(self, numbers: Mapping[str, float]) -> float:
        """The higher, the likelier a record is right."""
        odds = (
            sum(weight * numbers.get(name, 0.0) for name, weight in weights.items())
            for weights in self.weights.values()
        )
        wrong = sum(math.exp(min(LARGEST_ODDS, one)) for one in odds)
        return self.photo * numbers["photo_claimed"] - math.log(max(wrong, TINY))

    def probability(self, numbers: Mapping[str, float]) -> float:
        """The probability that a record is right."""
        odds = self.slope * self.score(numbers) + self.constant
        return 1 / (1 + math.exp(min(LARGEST_ODDS, -odds)))


@dataclass(frozen=True)
class Rule:
    """When a bin passes.

    Attributes:
        classes: of the model.
        prior: float (classes,), the share of each class among the bins of training.
        match_precision: the share of passing bins whose record must be right.
        errors: how records are assumed to be wrong.
        strangest: the greatest strangeness of a photo that is judged.
        by_quantity: for a record of which only the quantity is known.
        by_items: for a record with items; None for a model that was trained without records.
            Both are None where validation had too few bins to fit them, or these told nothing.
    """

    classes: Classes
    prior: Shares
    match_precision: float
    errors: RecordErrors
    strangest: float
    by_quantity: Match | None
    by_items: Match | None = None

    @staticmethod
    def read(settings: Mapping[str, Any]) -> Rule | None:
        """The rule in a model.json; None if it has none."""
        stored = settings.get("decision")
        if stored is None:
            return None
        by_quantity, by_items = stored["by_quantity"], stored["by_items"]
        return Rule(
            Classes(tuple(settings["classes"]), bool(settings.get("or_more", False))),
            np.array(stored["prior"]),
            stored["match_precision"],
            RecordErrors(stored["record_error_rate"], stored["record_error_kinds"]),
            stored["strangest"],
            None if by_quantity is None else Match(**by_quantity),
            None if by_items is None else Match(**by_items),
        )

    def as_dict(self) -> dict[str, Any]:
        """The rule as model.json holds it, without the classes, which stand there already."""
        return {
            "match_precision": self.match_precision,
            "record_error_rate": self.errors.rate,
            "record_error_kinds": dict(self.errors.kinds),
            "prior": [round(float(share), 6) for share in self.prior],
            "strangest": self.strangest,
            "by_quantity": None if self.by_quantity is None else asdict(self.by_quantity),
            "by_items": None if self.by_items is None else asdict(self.by_items),
        }

    def match(self, evidence: Evidence) -> Match | None:
        """The regression that is for this evidence; None where none could be fitted."""
        return self.by_quantity if evidence.both is None else self.by_items or self.by_quantity


@dataclass(frozen=True)
class Judgement:
    """What the rule says about one bin and its record."""

    verdict: Verdict
    match_probability: float | None
    reason: str


def is_strange(evidence: Evidence, rule: Rule) -> bool:
    """Whether the photo does not look like a bin."""
    return evidence.strangeness > rule.strangest


def judge(evidence: Evidence, record: Record, rule: Rule) -> Judgement:
    """Decide about a bin with its record.

    Args:
        evidence: of the model.
        record: on file; its items, if any, are those that the evidence is about.
        rule: of the model.
    """
    classes = rule.classes
    if is_strange(evidence, rule):
        return Judgement("cannot_judge", None, NO_BIN)
    shown = f"about {classes.words(most_likely(evidence.photo, classes))}"
    if record.quantity > classes.last_exact:
        return Judgement(
            "cannot_judge", None,
            f"the record lists {_items(record.quantity)}, this model counts to "
            f"{classes.last_exact}; the photo shows {shown}",
        )  # fmt: skip
    if record.quantity not in classes.counts:
        return Judgement(
            "cannot_judge", None,
            f"the record lists {_items(record.quantity)}, and this model only knows bins of "
            f"{', '.join(classes.words(count) for count in classes.counts)}",
        )  # fmt: skip
    match, probability = rule.match(evidence), match_probability(evidence, record, rule)
    if match is None or probability is None:
        return Judgement("look", None, NOT_FITTED)
    if match.threshold is not None and probability >= match.threshold:
        agree = most_likely(evidence.best, classes) == record.quantity
        reason = "photo and record agree on" if agree else "the photo fits a record of"
        return Judgement("pass", probability, f"{reason} {_items(record.quantity)}")
    return Judgement("look", probability, _doubt(evidence, record, classes, shown))


def match_probability(evidence: Evidence, record: Record, rule: Rule) -> float | None:
    """The probability that a record is right whose quantity the model counts.

    Returns:
        None where the rule could not be fitted.
    """
    match = rule.match(evidence)
    if match is None:
        return None
    return match.probability(numbers(evidence, record, rule.classes, rule.prior))


def numbers(
    evidence: Evidence, record: Record, classes: Classes, prior: Shares
) -> dict[str, float]:
    """What the match probability is computed from, by name.

    Logarithms of what photo, items, and both say about the quantity on record (`..._claimed`);
    about the quantities near it (`..._near`), which the bin holds if one was miscounted; about the
    quantity less one of the listed items (`photo_less`), and with one that is not listed
    (`photo_more`); and how well photo and items agree (`agreement`), which they do not if the
    record is another bin's. The quantity and the number of listed items say how common such a
    record is.

    Args:
        evidence: of the model.
        record: claims a quantity that is one of the classes.
        classes: of the model.
        prior: float (classes,), the share of each class among the bins of training.
    """
    claimed = record.quantity
    found = {
        "constant": 1.0,
        f"quantity_{claimed}": 1.0,
        **_claims("photo", evidence.photo, claimed, classes),
        "photo_more": _log(
            sum(share * _of(evidence.photo, claimed + n, classes) for n, share in UNLISTED.items())
        ),
    }
    if evidence.items is None or evidence.both is None or record.items is None:
        return found
    quantities = [item.quantity or 1 for item in record.items]
    less = [_of(evidence.photo, claimed - quantity, classes) for quantity in quantities]
    agreement = evidence.photo / np.maximum(prior, TINY) @ evidence.items
    return {
        **found,
        **_claims("both", evidence.both, claimed, classes),
        "items_claimed": _log(_of(evidence.items, claimed, classes)),
        "photo_less": _log(sum(less) / len(less) if less else 0.0),
        "agreement": _log(float(agreement)),
        f"listed_{min(len(quantities), LISTED)}": 1.0,
    }


def _claims(name: str, shares: Shares, claimed: int, classes: Classes) -> dict[str, float]:
    near = sum(
        share / 2 * _of(shares, claimed + off, classes)
        for by, share in MISCOUNTED_BY.items()
        for off in (-by, by)
    )
    return {f"{name}_claimed": _log(_of(shares, claimed, classes)), f"{name}_near": _log(near)}


def _of(shares: Shares, count: int, classes: Classes) -> float:
    """The share of a true count; 0 for one that is no class."""
    class_ = classes.of(count)
    return 0.0 if class_ is None else float(shares[classes.counts.index(class_)])


def _log(share: float) -> float:
    return math.log(max(share, LEAST))


def most_likely(shares: Shares, classes: Classes) -> int:
    """The count that is answered for a distribution; see `decide`."""
    return int(classes.counts[decide(shares[None], classes.counts)[0]])


def decide(probabilities: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """The answer for each image: index (n) of the count with the largest expected value.

    An answer one item off has `NEAR` times the value of the right one. Of two counts with about the
    same probability, the one with more probable neighbours is chosen: it is right as often, and
    closer when wrong (docs/decisions/near-misses.md).

    Args:
        probabilities: float (n, classes).
        classes: the counts.
    """
    counts = np.asarray(classes)
    away = np.abs(counts[:, None] - counts)
    values = probabilities @ np.select([away == 0, away == 1], [1.0, NEAR])
    return np.asarray(values.argmax(axis=1))


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


def _doubt(evidence: Evidence, record: Record, classes: Classes, shown: str) -> str:
    if most_likely(evidence.photo, classes) != record.quantity:
        return f"the photo shows {shown}, the record says {record.quantity}"
    if most_likely(evidence.best, classes) != record.quantity:
        return f"the photo shows {shown}, but bins with these items rarely hold {record.quantity}"
    return f"the photo shows {shown}, as the record says, but not clearly enough"


def _items(quantity: int) -> str:
    return f"{quantity} item{'s' * (quantity != 1)}"
