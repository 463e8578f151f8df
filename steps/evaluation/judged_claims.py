"""The model's own rule on bins with right records and with simulated wrong ones.

No test set says which of its records are wrong, so wrong ones are made of right ones in the four
ways of `record_errors.KINDS` (steps/wrong_records.py). Every bin is judged with several records;
each pair has a weight, and the shares of an evaluation are sums of weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import wrong_records
from counts import Classes
from evaluation import archive, intervals
from evaluation.errors import EvaluationError
from evaluation.intervals import Estimate
from evaluation.predictions import Predictions
from record import Record
from record_errors import KINDS, RecordErrors

MATCH, PHOTO, ITEMS = "match", "photo", "items"
RIGHT = -1
AT_ONCE = 4096  # records
LARGEST_DIFFERENCE = 0.01  # of a probability, between what serves and what judges here


@dataclass(frozen=True)
class JudgedClaims:
    """Pairs of a bin and a record, each judged.

    Attributes:
        size: the number of bins.
        bins: int (m,), the bin of each pair.
        kinds: int (m,), how the record is wrong, an index into KINDS; RIGHT if it is right.
        weight: float (m,), how often the pair occurs; adds up to about `size`.
        quantity: int (m,), what the record claims.
        verdicts: text (m,), the rule's.
        scores: by name, float (m,), the higher, the likelier the record is right: MATCH is the
            rule's match probability, PHOTO and ITEMS the probability of the quantity on record by
            the photo and by the record's items alone. nan where there is none.
    """

    size: int
    bins: np.ndarray
    kinds: np.ndarray
    weight: np.ndarray
    quantity: np.ndarray
    verdicts: np.ndarray
    scores: Mapping[str, np.ndarray]

    @property
    def right(self) -> np.ndarray:
        """Bool (m,): the record is right."""
        return np.asarray(self.kinds == RIGHT)

    def shares(self, ratios: Mapping[str, tuple[Any, Any]]) -> dict[str, Estimate]:
        """Shares with intervals, by resampling the bins with all their pairs.

        Args:
            ratios: by name, what is counted and what it is a share of: float or bool (m,) each.
        """

        def of_bins(values: Any) -> np.ndarray:
            return np.bincount(self.bins, weights=self.weight * values, minlength=self.size)

        sums = {name: tuple(map(of_bins, pair)) for name, pair in ratios.items()}

        def measure(draws: np.ndarray) -> dict[str, np.ndarray]:
            with np.errstate(divide="ignore", invalid="ignore"):
                return {n: (draws @ part) / (draws @ whole) for n, (part, whole) in sums.items()}

        return intervals.estimate(measure, self.size)


def judge(
    loaded: archive.LoadedModel, network: Any, predicted: Predictions, errors: RecordErrors
) -> JudgedClaims:
    """Judge every bin with its own record and with wrong ones.

    Args:
        loaded: a model with a rule.
        network: of `archive.network`; its `join` gives what the items say.
        predicted: by that model.
        errors: how records are assumed to be wrong.
    """
    claims = wrong_records.claims([image.record for image in predicted.images], errors)
    bins = np.array([claim.bin for claim in claims])
    records = [claim.record for claim in claims]
    evidence = look(loaded, network, predicted, bins, records)
    rules = loaded.program.answer.decision
    judged = [
        rules.judge(one, record, loaded.rule) for one, record in zip(evidence, records, strict=True)
    ]
    quantity = np.array([record.quantity for record in records])
    claimed = [loaded.classes.of(int(number)) for number in quantity]
    return JudgedClaims(
        size=len(predicted.images),
        bins=bins,
        kinds=np.array([RIGHT if c.kind is None else KINDS.index(c.kind) for c in claims]),
        weight=np.array([claim.weight for claim in claims]),
        quantity=quantity,
        verdicts=np.array([one.verdict for one in judged]),
        scores={
            MATCH: _known([one.match_probability for one in judged]),
            PHOTO: _shares(loaded.classes, claimed, [one.photo for one in evidence]),
            ITEMS: _shares(loaded.classes, claimed, [one.items for one in evidence]),
        },
    )


def look(
    loaded: archive.LoadedModel,
    network: Any,
    predicted: Predictions,
    bins: np.ndarray,
    records: Sequence[Record],
) -> list[Any]:
    """What the model says of each pair of a bin and a record: the model's own `Evidence`."""
    evidence_type = loaded.program.answer.decision.Evidence
    strangeness = predicted.strangeness
    assert strangeness is not None
    found = []
    for start in range(0, len(bins), AT_ONCE):
        some = bins[start : start + AT_ONCE]
        photo = predicted.probabilities[some]
        joined = network.join(photo, records[start : start + AT_ONCE])
        found += [
            evidence_type(shares, items, both, float(strangeness[bin_]))
            for bin_, shares, (items, both) in zip(some, photo, joined, strict=True)
        ]
    return found


def check_join(network: Any, predicted: Predictions) -> float:
    """How far `join` is from what the served model answered with each bin's own record.

    Raises:
        EvaluationError: too far; what is judged here would not be what is served.
    """
    recorded = predicted.recorded
    if recorded is None:
        return 0.0
    known = np.flatnonzero(recorded.known)
    records = [predicted.images[index].record for index in known]
    joined = network.join(predicted.probabilities[known], records)
    both = np.array([one for _, one in joined])
    difference = float(np.abs(both - recorded.both[known]).max())
    if difference > LARGEST_DIFFERENCE:
        raise EvaluationError(
            f"with stock records, the served model and its network in PyTorch differ by "
            f"{difference:.3f} in a probability, and {LARGEST_DIFFERENCE} is allowed. Train again, "
            "or with export none, so that PyTorch serves"
        )
    return difference


def _known(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _shares(
    classes: Classes, claimed: Sequence[int | None], shares: Sequence[np.ndarray | None]
) -> np.ndarray:
    """The probability of each claimed class; nan where it is none or no distribution is known.

    The open class is no quantity that a record could claim, as the rule does not judge it either.
    """
    return np.array(
        [
            np.nan
            if class_ is None or row is None or classes.is_open(class_)
            else row[classes.counts.index(class_)]
            for class_, row in zip(claimed, shares, strict=True)
        ],
        dtype=float,
    )
