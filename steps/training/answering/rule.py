"""Fit the rule for decisions on validation: weights, thresholds, and what is too strange."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression

import decision
import wrong_records
from counts import Classes
from decision import Evidence, Match, RecordErrors, Rule
from record import Record
from wrong_records import Claim

REGULARISATION = 0.3  # scikit-learn's C, for standardised numbers
FAMILIAR = 0.995  # share of the validation images that count as bins
MARGIN = 1.1  # on the strangeness of these
FEWEST = 20  # bins that can be judged; a regression on fewer means nothing
SAME = 1e-6  # spread of a number that is the same for all claims

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
    if len({one.bin for one in claims}) < FEWEST or right.all() or not right.any():
        return None
    rows = [
        decision.numbers(seen, claim.record, rule.classes, rule.prior)
        for claim, seen in zip(claims, evidence, strict=True)
    ]
    names = sorted({name for row in rows for name in row} - {"constant"})
    table = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    differs = table.std(axis=0) > SAME
    names, table = (
        [name for name, one in zip(names, differs, strict=True) if one],
        table[:, differs],
    )
    mean, spread = table.mean(axis=0), table.std(axis=0)
    weight = np.array([one.weight for one in claims])
    kinds = [kind for kind in decision.KINDS if any(one.kind == kind for one in claims)]
    labels = [0 if one.right else 1 + kinds.index(str(one.kind)) for one in claims]
    regression = LogisticRegression(C=REGULARISATION, max_iter=5000)
    # Regularised as if every pair had been seen as often as it was made up.
    shares = weight * len(weight) / weight.sum()
    regression.fit((table - mean) / spread, labels, sample_weight=shares)
    slopes, constants = regression.coef_, regression.intercept_
    if len(kinds) > 1:  # one row for each label; else the one row is that of the only kind
        slopes, constants = slopes[1:] - slopes[0], constants[1:] - constants[0]
    weights = {}
    for kind, slope, constant in zip(kinds, slopes / spread, constants, strict=True):
        by_name = dict(zip(names, slope.tolist(), strict=True))
        by_name["constant"] = float(constant - slope @ mean)
        weights[kind] = {name: round(value, 6) for name, value in by_name.items()}
    match = Match(weights, None)
    scores = np.array([match.probability(row) for row in rows])
    threshold = decision.lowest_threshold(scores, right, weight, rule.match_precision)
    return replace(match, threshold=threshold)
