"""The model's answer about one bin, as the endpoint sends it.

Copied into the model as `code/answer.py`.
"""

from __future__ import annotations

from typing import Any

import decision
from counts import Classes
from decision import Evidence, Rule
from record import Record

DIGITS = 6  # of a probability
NO_RULE = "this model was trained without a rule for decisions; have somebody look"

Answer = dict[str, Any]


def compose(
    evidence: Evidence, record: Record | None, classes: Classes, rule: Rule | None
) -> Answer:
    """The answer about one bin.

    Args:
        evidence: of the model, about the photo and the record's items.
        record: on file; None if the client sent none.
        classes: of the model.
        rule: of the model; None if its training fitted none.
    """
    answer = _count(evidence.best, classes)
    if evidence.both is not None:
        answer["photo_alone"] = _count(evidence.photo, classes)
    strange = rule is not None and decision.is_strange(evidence, rule)
    answer["looks_like_a_bin"] = not strange
    if record is not None:
        answer["expected_quantity"] = record.quantity
    if strange:
        return answer | _verdict("cannot_judge", None, decision.NO_BIN)
    if record is None:
        return answer
    if rule is None:
        return answer | _verdict("look", None, NO_RULE)
    judged = decision.judge(evidence, record, rule)
    return answer | _verdict(judged.verdict, judged.match_probability, judged.reason)


def _count(shares: decision.Shares, classes: Classes) -> Answer:
    likeliest = decision.most_likely(shares, classes)
    by_count = dict(zip(classes.counts, shares.tolist(), strict=True))
    expected = sum(count * share for count, share in by_count.items())
    return {
        "count": likeliest,
        "or_more": classes.is_open(likeliest),
        "confidence": round(by_count[likeliest], DIGITS),
        "probabilities": {
            classes.name(count): round(share, DIGITS) for count, share in by_count.items()
        },
        "expected_count": round(expected, DIGITS),
    }


def _verdict(verdict: str, probability: float | None, reason: str) -> Answer:
    rounded = None if probability is None else round(probability, DIGITS)
    return {"verdict": verdict, "match_probability": rounded, "reason": reason}
