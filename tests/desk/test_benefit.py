"""What the audits show, against numbers computed by hand and bins whose truth is known."""

from __future__ import annotations

import csv
import io
import uuid
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from desk import benefit, benefit_csv, queue
from desk.totals import Cell, Totals
from pipelines.steps import audited_shares, audits

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/tally/4"
SIMULATED = 150


def shift(identity: str = "s", when: str = "2026-11-30T08:00:00.000000Z", **bins: Any) -> Totals:
    """A shift with cells by verdict: the number of bins, and of those to look at."""
    names = {"passed": "pass"}
    cells = tuple(Cell(names.get(name, name), 3, 1, ARN, *n) for name, n in bins.items())
    return Totals(identity, "", "Ada", when, 0.1, 0, cells)


def audit(verdict: str, true: int | None, counted: int = 3, **values: Any) -> audits.Audit:
    recorded = values.get("expected_quantity", 3)
    kind = "unusable" if true is None else "record_right" if true == recorded else "adjusted"
    return audits.Audit(
        **{
            "id": uuid.uuid4().hex, "when": "2026-11-30T09:00:00.000000Z", "who": "Ada",
            "decision": kind, "image": "1.jpg", "image_sha256": uuid.uuid4().hex * 2,
            "expected_quantity": 3, "verdict": verdict, "true_count": true, "shift": "s",
            "model_count": counted, "model_package": ARN, "items": [{"quantity": 3}],
            "sampled": verdict == "pass", **values,
        }
    )  # fmt: skip


def of(*entries: audits.Audit, totals: tuple[Totals, ...]) -> benefit.Benefit:
    return benefit.of(entries, totals)


def test_each_audit_stands_for_the_bins_of_its_verdict() -> None:
    """By hand: 20 doubted, 8 of them wrong; 180 passed, 10 looked at, 1 wrong: 8 + 18 of 200."""
    entries = [audit("look", 4 if number < 8 else 3) for number in range(20)]
    entries += [audit("pass", 2 if number < 1 else 3) for number in range(10)]
    found = of(*entries, totals=(shift(look=(20, 20), passed=(180, 10)),))
    wrong = found.overall.wrong
    assert wrong is not None
    assert wrong.value == pytest.approx((8 + 180 / 10) / 200)
    assert (found.found, found.sampled.hits, found.sampled.audited) == (9, 1, 10)
    assert found.sampled.share == audited_shares.wilson(1, 10)
    assert (found.overall.bins, found.overall.audited, found.overall.found) == (200, 30, 9)


def test_accuracy_is_that_of_all_bins_and_not_of_the_doubtful_ones() -> None:
    """The model counts 3: right for 5 of 10 doubted, one off for 3; right for all that passed."""
    true = [3, 3, 3, 3, 3, 4, 4, 2, 5, 1]
    entries = [audit("look", number) for number in true] + [audit("pass", 3) for _ in range(9)]
    found = of(*entries, totals=(shift(look=(10, 10), passed=(90, 9)),))
    row = found.overall
    assert row.exact is not None and row.within_one is not None
    assert row.exact.value == pytest.approx((5 + 90) / 100)
    assert row.within_one.value == pytest.approx((8 + 90) / 100)


@pytest.mark.parametrize(
    ("counted", "or_more", "true", "exact", "within_one"),
    [(6, True, 8, 1, 1), (6, False, 8, 0, 0), (6, True, 6, 1, 1), (6, True, 5, 0, 1),
     (6, True, 4, 0, 0), (3, False, 4, 0, 1)],
)  # fmt: skip
def test_an_open_answer_is_right_for_greater_counts(
    counted: int, or_more: bool, true: int, exact: int, within_one: int
) -> None:
    entry = audit("look", true, counted, model_or_more=or_more)
    row = of(entry, totals=(shift(look=(1, 1)),)).overall
    assert (row.exact, row.within_one) == (
        audited_shares.wilson(exact, 1),
        audited_shares.wilson(within_one, 1),
    )


def test_a_shift_with_bins_left_in_its_queue_is_not_in_the_shares() -> None:
    whole = shift("s", look=(2, 2), passed=(8, 1))
    begun = shift("t", look=(5, 5))
    entries = [audit("look", 4), audit("look", 3), audit("pass", 3), audit("look", 4, shift="t")]
    found = of(*entries, totals=(whole, begun))
    assert found.unfinished == [begun]
    assert (found.overall.bins, found.overall.found) == (10, 1)
    assert (len(found.decisions), found.found) == (4, 2)


def test_a_photo_that_is_decided_again_elsewhere_stays_decided_in_its_shift() -> None:
    """The same photo is in two shifts, and is checked alone after them: 4, then 3, then 5."""
    first = audit("look", 4)
    second, alone = (
        replace(audit("look", true, shift=name, when=when), image_sha256=first.image_sha256)
        for true, name, when in (
            (3, "t", "2026-11-30T10:00:00.000000Z"), (5, None, "2026-11-30T11:00:00.000000Z"),
        )
    )  # fmt: skip
    totals = (shift("s", look=(1, 1)), shift("t", look=(1, 1)))
    found = of(first, second, alone, totals=totals)
    assert found.decisions == [alone]
    assert (found.unfinished, found.overall.bins, found.overall.audited) == ([], 2, 2)
    assert found.overall.wrong == audited_shares.wilson(1, 2)


def test_an_undo_takes_a_decision_out_of_every_number() -> None:
    first = audit("look", 4)
    undo = replace(
        first, id=uuid.uuid4().hex, decision="undo", undoes=first.id, true_count=None,
        when="2026-11-30T10:00:00.000000Z",
    )  # fmt: skip
    found = of(first, undo, totals=(shift(look=(1, 1)),))
    assert (len(found.decisions), found.found, len(found.unfinished)) == (0, 0, 1)


def test_without_a_sample_the_share_of_all_is_not_known() -> None:
    found = of(audit("look", 4), totals=(shift(look=(1, 1), passed=(50, 0)),))
    assert found.overall.wrong is None
    assert found.looked_at.share == audited_shares.wilson(1, 1)
    assert found.sampled.share is None


def test_an_unusable_photo_says_nothing() -> None:
    """Of 4 doubted bins one photo is unusable: the other three count, and so do the passed ones."""
    entries = [audit("look", 4), audit("look", 3), audit("look", 3), audit("look", None)]
    entries += [audit("cannot_judge", None), audit("pass", 3), audit("pass", 3)]
    totals = shift(look=(4, 4), cannot_judge=(1, 1), passed=(7, 2))
    wrong = of(*entries, totals=(totals,)).overall.wrong
    assert wrong is not None and wrong.value == pytest.approx(1 / 10)


def test_samples_of_other_shares_are_not_mixed() -> None:
    """10 of 100 and 50 of 100 were looked at; the second half has the wrong records."""
    first = shift("s", passed=(100, 10))
    second = replace(shift("t", passed=(100, 50)), share=0.5)
    entries = [audit("pass", 3) for _ in range(10)]
    entries += [audit("pass", 4 if number < 10 else 3, shift="t") for number in range(50)]
    wrong = of(*entries, totals=(first, second)).overall.wrong
    assert wrong is not None and wrong.value == pytest.approx(0.5 * 0 + 0.5 * 0.2)


def test_rows_are_by_week_version_quantity_and_items() -> None:
    cells = (
        Cell("look", 12, 2, ARN, 1, 1), Cell("look", 3, None, ARN.replace("/4", "/12"), 1, 1),
        Cell("look", 3, 1, None, 1, 1),
    )  # fmt: skip
    totals = replace(shift(), cells=cells)
    earlier = shift("t", when="2026-11-27T23:00:00.000000Z", look=(1, 1))
    entries = [
        audit("look", 12, expected_quantity=12, items=[{}, {}]),
        audit("look", 3, items=None, model_package=ARN.replace("/4", "/12")),
        audit("look", 2, model_package=None),
        audit("look", 3, shift="t"),
    ]
    found = of(*entries, totals=(totals, earlier))
    assert [row.name for row in found.by_week] == ["2026, week 48", "2026, week 49"]
    versions = [(row.name, row.bins, row.found) for row in found.by_version]
    assert versions == [("version 4", 2, 0), ("version 12", 1, 0), ("not known", 1, 1)]
    assert [row.name for row in found.by_quantity] == ["3", "10 or more"]
    assert [row.name for row in found.by_items] == ["1", "2", "not known"]


def test_the_csv_files_hold_what_the_page_shows() -> None:
    later = "2026-11-30T10:00:00.000000Z"
    entries = [audit("pass", 3, when=later), audit("look", 4, note="=1+1")]
    found = of(*entries, totals=(shift(look=(1, 1), passed=(9, 1)),))
    lines = list(csv.DictReader(io.StringIO(benefit_csv.shares({"all": [found.overall]}))))
    assert [(line["by"], line["bins"], line["wrong_share"]) for line in lines] == [
        ("all", "10", "0.1")
    ]
    rows = list(csv.DictReader(io.StringIO(benefit_csv.decisions(found))))
    assert [row["decision"] for row in rows] == ["adjusted", "record_right"]
    assert rows[0]["note"] == "'=1+1" and rows[0]["items"] == '[{"quantity": 3}]'


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_interval_holds_the_share_of_wrong_records_19_times_of_20(share: float) -> None:
    """Whole shifts of bins: their records are wrong by chance, the model doubts them by chance."""
    rng = np.random.default_rng(7)
    truth, held = 0.1, 0
    for trial in range(SIMULATED):
        entries, totals = [], []
        for one in range(3):
            identity = f"{trial}-{one}"
            wrong = rng.random(200) < truth
            doubted = rng.random(200) < np.where(wrong, 0.8, 0.08)
            looked = [
                number for number in range(200)
                if doubted[number] or queue.is_sampled(identity, number, share)
            ]  # fmt: skip
            passed = int((~doubted).sum())
            entries += [
                audit("look" if doubted[n] else "pass", 4 if wrong[n] else 3, shift=identity)
                for n in looked
            ]
            sampled = sum(not doubted[number] for number in looked)
            cells = (
                Cell("look", 3, 1, ARN, 200 - passed, 200 - passed),
                Cell("pass", 3, 1, ARN, passed, sampled),
            )
            totals.append(replace(shift(identity), share=share, cells=cells))
        interval = benefit.of(entries, totals).overall.wrong
        assert interval is not None
        held += interval.low <= truth <= interval.high
    assert 0.9 <= held / SIMULATED <= 0.99
