"""The decision: what passes, why a person has to look, and what cannot be judged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import decision
import wrong_records
from counts import Classes
from decision import Evidence, Match, Rule
from record import Item, Record
from record_errors import (
    EXCHANGED,
    KINDS,
    MISCOUNTED,
    NOT_LISTED,
    NOT_THERE,
    USUAL_KINDS,
    RecordErrors,
)
from training.answering import rule as fitting

CLASSES = Classes.parse("0-3+")
PRIOR = np.full(4, 0.25)
ERRORS = RecordErrors.parse(0.1, USUAL_KINDS)
BY_PHOTO = Match({"miscounted": {"photo_claimed": -2.0, "constant": -2.0}}, 0.7)
RULE = Rule(CLASSES, PRIOR, 0.95, ERRORS, strangest=1.0, by_quantity=BY_PHOTO)
SURE_OF_2 = np.array([0.05, 0.1, 0.8, 0.05])
SPLIT = np.array([0.05, 0.4, 0.45, 0.1])


@pytest.mark.parametrize(
    ("photo", "quantity", "verdict", "reason"),
    [
        (SURE_OF_2, 2, "pass", "photo and record agree on 2 items"),
        (SURE_OF_2, 1, "look", "the photo shows about 2, the record says 1"),
        (SPLIT, 2, "look", "the photo shows about 2, as the record says, but not clearly enough"),
        (SURE_OF_2, 3, "cannot_judge",
         "the record lists 3 items, this model counts to 2; the photo shows about 2"),
        (SURE_OF_2[::-1], 7, "cannot_judge",
         "the record lists 7 items, this model counts to 2; the photo shows about 1"),
    ],
)  # fmt: skip
def test_a_verdict_has_one_plain_reason(
    photo: np.ndarray, quantity: int, verdict: str, reason: str
) -> None:
    judged = decision.judge(Evidence(photo), Record(quantity), RULE)
    assert (judged.verdict, judged.reason) == (verdict, reason)
    assert (judged.match_probability is None) == (verdict == "cannot_judge")


def test_a_record_may_pass_that_is_not_the_likeliest_count() -> None:
    mild = dataclasses.replace(RULE, by_quantity=Match(BY_PHOTO.weights, 0.4))
    judged = decision.judge(Evidence(np.array([0.05, 0.42, 0.48, 0.05])), Record(1), mild)
    assert (judged.verdict, judged.reason) == ("pass", "the photo fits a record of 1 item")


def test_an_open_class_is_said_in_words() -> None:
    many = np.array([0.01, 0.01, 0.08, 0.9])
    judged = decision.judge(Evidence(many), Record(1), RULE)
    assert judged.reason == "the photo shows about 3 or more, the record says 1"


def test_items_that_speak_against_the_quantity_are_named() -> None:
    with_items = dataclasses.replace(
        RULE, by_items=Match({"miscounted": {"both_claimed": -2.0, "constant": -1.0}}, 0.5)
    )
    evidence = Evidence(SURE_OF_2, items=SURE_OF_2[::-1], both=np.array([0.1, 0.7, 0.1, 0.1]))
    judged = decision.judge(evidence, Record(2, (Item(2),)), with_items)
    assert judged.verdict == "look"
    assert judged.reason == "the photo shows about 2, but bins with these items rarely hold 2"


def test_a_strange_photo_is_not_judged() -> None:
    judged = decision.judge(Evidence(SURE_OF_2, strangeness=1.01), Record(2), RULE)
    assert (judged.verdict, judged.match_probability) == ("cannot_judge", None)
    assert judged.reason == "this does not look like a bin"


def test_without_a_threshold_nothing_passes() -> None:
    none = dataclasses.replace(RULE, by_quantity=Match(BY_PHOTO.weights, None))
    assert decision.judge(Evidence(SURE_OF_2), Record(2), none).verdict == "look"


def test_a_rule_survives_model_json() -> None:
    settings = {"classes": [0, 1, 2, 3], "or_more": True, "decision": RULE.as_dict()}
    read = Rule.read(json.loads(json.dumps(settings)))
    assert read is not None
    assert read.as_dict() == RULE.as_dict()
    assert read.classes == CLASSES
    assert Rule.read({"classes": [1, 2]}) is None


def test_the_lowest_threshold_passes_the_most_at_the_precision() -> None:
    scores = np.array([0.9, 0.8, 0.8, 0.5, 0.4])
    right = np.array([True, True, False, True, False])
    weights = np.array([1.0, 1.0, 0.25, 1.0, 1.0])
    assert decision.lowest_threshold(scores, right, weights, 0.9) == 0.5
    assert decision.lowest_threshold(scores, right, weights, 0.95) == 0.9
    assert decision.lowest_threshold(scores[2:3], right[2:3], weights[2:3], 0.5) is None


@pytest.mark.parametrize(
    "text", ["", "miscounted", "miscounted=x", "lost=1", "miscounted=-1", "miscounted=0"]
)
def test_kinds_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"miscounted|share 0"):
        RecordErrors.parse(0.1, text)


def records(number: int, seed: int = 0) -> list[Record]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        listed = tuple(
            Item(int(q), 5.0, 4.0, 3.0, 1.0) for q in rng.integers(1, 3, rng.integers(0, 3))
        )
        found.append(Record(sum(item.quantity or 0 for item in listed), listed))
    return found


def test_wrong_records_differ_from_the_right_ones_as_their_kind_says() -> None:
    right = records(60)
    claims = wrong_records.claims(right, ERRORS)
    assert {claim.kind for claim in claims} == {None, *KINDS}
    for claim in claims:
        own, items = right[claim.bin], claim.record.items
        assert own.items is not None and items is not None
        if claim.right:
            assert claim.record == own
            continue
        assert claim.record.quantity != own.quantity
        assert claim.record.quantity == sum(item.quantity or 0 for item in items)
        more = {
            NOT_THERE: 1,
            NOT_LISTED: -1,
            MISCOUNTED: 0,
        }
        if claim.kind in more:
            assert len(items) - len(own.items) == more[claim.kind]
        if claim.kind == EXCHANGED:
            assert claim.record in right
    total = sum(claim.weight for claim in claims)
    assert total == pytest.approx(60)
    wrong = sum(claim.weight for claim in claims if not claim.right)
    assert wrong / total == pytest.approx(0.1)
    assert wrong_records.claims(right, ERRORS) == claims


def test_records_without_items_can_be_miscounted_and_exchanged() -> None:
    right = [Record(count) for count in (1, 2, 3, 4)]
    claims = wrong_records.claims(right, ERRORS)
    assert {claim.kind for claim in claims} == {
        None,
        MISCOUNTED,
        EXCHANGED,
    }
    assert sum(claim.weight for claim in claims if not claim.right) == pytest.approx(0.4)


def seen(right: list[Record], sharp: float) -> list[Evidence]:
    """What a model says that is right the oftener, the greater `sharp` is."""
    rng = np.random.default_rng(1)
    found = []
    for one in right:
        odds = sharp * (np.arange(4) == min(one.quantity, 3)) + rng.normal(size=4)
        shares = np.exp(odds) / np.exp(odds).sum()
        found.append(Evidence(shares, shares, shares, strangeness=float(rng.uniform())))
    return found


def test_a_fitted_rule_finds_wrong_records_and_keeps_its_precision() -> None:
    right = records(400)
    model = seen(right, sharp=4.0)

    def look(bins: object, claimed: object) -> list[Evidence]:
        return [model[bin_] for bin_ in bins]  # type: ignore[attr-defined]

    rule = fitting.fit(look, right, PRIOR, CLASSES, ERRORS, 0.98, seed=0)
    assert rule.by_items is not None and rule.by_items.threshold is not None
    passed = {True: 0.0, False: 0.0}
    for claim in wrong_records.claims(right, ERRORS, seed=7):
        if decision.judge(model[claim.bin], claim.record, rule).verdict == "pass":
            passed[claim.right] += claim.weight
    assert passed[True] / (passed[True] + passed[False]) == pytest.approx(0.98, abs=0.01)
    assert passed[True] > 0.5 * 0.9 * 400 * 0.7
    assert 0.9 < rule.strangest < 1.2


def test_the_photo_overrules_a_list_that_is_wrong_itself() -> None:
    """Items that nearly tell the count make an exchanged record look right, but for the photo."""
    rng = np.random.default_rng(1)
    classes, prior = Classes.parse("0-6+"), np.full(7, 1 / 7)
    counts = np.arange(7)

    def near(count: float, sharp: float) -> np.ndarray:
        shares = np.exp(-sharp * abs(counts - count))
        return np.asarray(shares / shares.sum())

    right = [
        Record(q, (Item(q, length=float(np.clip(round(rng.normal(q, 0.6)), 1, 6))),))
        for q in rng.integers(1, 6, 400).tolist()
    ]
    photos = [near(one.quantity + rng.normal(), 0.7) for one in right]

    def look(bins: Sequence[int], claimed: Sequence[Record]) -> list[Evidence]:
        found = []
        for bin_, record in zip(bins, claimed, strict=True):
            items = np.ones(7)
            for one in record.items or ():
                items = items * near(one.length or 0, 0.55)
            both = photos[bin_] * items
            found.append(Evidence(photos[bin_], items / items.sum(), both / both.sum()))
        return found

    rule = fitting.fit(look, right, prior, classes, ERRORS, 0.95, seed=0)
    claims = [
        claim
        for claim in wrong_records.claims(right, ERRORS, seed=7)
        if fitting.judged(claim.record, classes)
    ]
    evidence = look([claim.bin for claim in claims], [claim.record for claim in claims])
    pairs = list(zip(evidence, [claim.record for claim in claims], strict=True))
    scores = [decision.match_probability(one, record, rule) for one, record in pairs]
    by_photo = [one.photo[record.quantity] for one, record in pairs]
    for kind in KINDS:
        at = [i for i, claim in enumerate(claims) if claim.kind in (None, kind)]
        truth = [claims[i].right for i in at]
        told, photo = (roc_auc_score(truth, [one[i] for i in at]) for one in (scores, by_photo))
        assert told > photo - 0.005, kind


def test_a_rule_of_too_few_bins_lets_nothing_pass() -> None:
    right = [Record(1, (Item(1),)), Record(2, (Item(2),))]
    model = seen(right, sharp=9.0)
    rule = fitting.fit(
        lambda bins, claimed: [model[bin_] for bin_ in bins], right, PRIOR, CLASSES, ERRORS, 0.95, 0
    )
    assert (rule.by_quantity, rule.by_items) == (None, None)
    judged = decision.judge(model[0], right[0], rule)
    assert (judged.verdict, judged.match_probability) == ("look", None)
    assert "too few bins" in judged.reason
    read = Rule.read({"classes": [0, 1, 2, 3], "or_more": True, "decision": rule.as_dict()})
    assert read is not None and read.by_quantity is None
