"""Fit the rule for decisions on validation: weights, thresholds, and what is too strange."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression

import decision
import wrong_records
from counts import Classes
from decision import Evidence, Match, Rule
from record import Record
from record_errors import KINDS, RecordErrors
from wrong_records import Claim

REGULARISATION = 0.3  # scikit-learn's C, for standardised numbers
FAMILIAR = 0.995  # share of the validation images that count as bins
MARGIN = 1.1  # on the strangeness of these
FEWEST = 20  # bins that can be judged; a regression on fewer means nothing
SAME = 1e-6  # spread of a number that is the same for all claims
# Weight of the photo's own share of the quantity on record. With it, and with all kinds of wrong
# records equally important in the fit, none is told much worse than by the photo alone
# (docs/decisions/photo-and-record.md).
PHOTO = 0.6

# From bins by index and a record for each, what the model says about each pair.
Look = Callable[[Sequence[int], Sequence[Record]], list[Evidence]]


def fit(
    look: Look,
    records: Sequence[Record],
    prior: np.ndarray,
    classes: Classes,
    errors: RecordErrors,
    match_precision: float,
    seed: int,
) -> Rule:
    """Fit the rule on validation bins with right records, and with simulated wrong ones.

    Args:
        look: asks the model.
        records: the right record of each validation bin, with or without items.
        prior: float (classes,), the share of each class among the bins of training.
        classes: of the model.
        errors: how records are assumed to be wrong.
        match_precision: the share of passing bins whose record must be right.
        seed: of the simulated records.
    """
    own = look(range(len(records)), records)
    strangest = MARGIN * float(np.quantile([one.strangeness for one in own], FAMILIAR))
    rule = Rule(classes, prior, match_precision, errors, strangest, None)
    claims = wrong_records.claims(records, errors, seed)
    claims = [one for one in claims if judged(one.record, classes)]
    evidence = look([one.bin for one in claims], [one.record for one in claims])
    alone = [Evidence(one.photo, strangeness=one.strangeness) for one in evidence]
    listed = [at for at, one in enumerate(evidence) if one.both is not None]
    return replace(
        rule,
        by_quantity=_match(claims, alone, rule),
        by_items=_match([claims[at] for at in listed], [evidence[at] for at in listed], rule),
    )


def judged(record: Record, classes: Classes) -> bool:
    """Whether the model can judge a record's quantity."""
    return record.quantity in classes.counts and record.quantity <= classes.last_exact


def _match(claims: Sequence[Claim], evidence: Sequence[Evidence], rule: Rule) -> Match | None:
    right = np.array([one.right for one in claims])
    weight = np.array([one.weight for one in claims])
    if len({one.bin for one in claims}) < FEWEST or right.all() or not right.any():
        return None
    rows = [
        decision.numbers(seen, claim.record, rule.classes, rule.prior)
        for claim, seen in zip(claims, evidence, strict=True)
    ]
    match = Match(_weights(claims, weight, rows, rule.errors), None, PHOTO)
    scores = np.array([match.score(row) for row in rows])
    scaled = LogisticRegression().fit(scores[:, None], right, sample_weight=weight)
    slope, constant = float(scaled.coef_[0, 0]), float(scaled.intercept_[0])
    if slope <= 0:
        return None  # on these bins the score tells nothing
    match = replace(match, slope=round(slope, 6), constant=round(constant, 6))
    probabilities = np.array([match.probability(row) for row in rows])
    threshold = decision.lowest_threshold(probabilities, right, weight, rule.match_precision)
    return replace(match, threshold=threshold)


def _weights(
    claims: Sequence[Claim],
    weight: np.ndarray,
    rows: Sequence[Mapping[str, float]],
    errors: RecordErrors,
) -> dict[str, dict[str, float]]:
    """The weights of each kind of wrong record, as if all kinds occurred equally often.

    Args:
        claims: pairs of a bin and a record (n).
        weight: of each pair, float (n).
        rows: the numbers of each pair (n).
        errors: what `weight` assumes.
    """
    names = sorted({name for row in rows for name in row} - {"constant"})
    table = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    differs = table.std(axis=0) > SAME
    names = [name for name, one in zip(names, differs, strict=True) if one]
    table = table[:, differs]
    mean, spread = table.mean(axis=0), table.std(axis=0)
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in claims)]
    labels = np.array([0 if one.right else 1 + kinds.index(str(one.kind)) for one in claims])
    shares = np.array([1.0, *(len(kinds) * errors.kinds[kind] for kind in kinds)])
    alike = weight / shares[labels]
    regression = LogisticRegression(C=REGULARISATION, max_iter=5000)
    # Regularised as if every pair had been seen as often as it was made up.
    regression.fit((table - mean) / spread, labels, sample_weight=alike * len(alike) / alike.sum())
    slopes, constants = regression.coef_, regression.intercept_
    if len(kinds) > 1:  # one row for each label; else the one row is that of the only kind
        slopes, constants = slopes[1:] - slopes[0], constants[1:] - constants[0]
    weights = {}
    for kind, slope, constant in zip(kinds, slopes / spread, constants, strict=True):
        by_name = dict(zip(names, slope.tolist(), strict=True))
        by_name["constant"] = float(constant - slope @ mean)
        weights[kind] = {name: round(value, 6) for name, value in by_name.items()}
    return weights
