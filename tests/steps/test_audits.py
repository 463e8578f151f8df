"""The log of audits: what is read, what is refused, and which entries hold."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

import audits
from audits import Audit, AuditError
from counts import Classes
from tests.steps.audit_entries import document, identity


def adjusted(number: int, count: int = 2, image: str = "ab") -> Audit:
    return audits.parse(document(number, true_count=count, image_sha256=image * 32))


def undo(number: int, undone: int) -> Audit:
    return audits.parse(document(number, decision="undo", true_count=None, undoes=identity(undone)))


def test_an_entry_is_read_as_it_was_written() -> None:
    written = document()
    read = audits.parse(json.loads(json.dumps(written)))
    assert read.as_document() == written
    assert read.path == f"2026-11-30/{identity(1)}.json"


def test_a_member_that_may_be_null_may_be_absent() -> None:
    optional = ("undoes", "record_id", "items", "model_count", "probability", "model_package",
                "shift", "model_or_more", "sampled", "note")  # fmt: skip
    short = {name: value for name, value in document().items() if name not in optional}
    nulls = document() | dict.fromkeys(optional[:-3])
    assert audits.parse(short) == audits.parse(nulls)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": 2}, "version is 2; only 1"),
        ({"colour": "red"}, "member 'colour'; allowed: version, id"),
        ({"id": "7"}, "id is '7'; allowed: a UUID4"),
        ({"id": "0" * 32}, "allowed: a UUID4"),
        ({"when": "2026-11-30T08:15:00Z"}, "2026-11-30T08:15:00.000000Z"),
        ({"when": "2026-02-30T08:15:00.000000Z"}, "allowed: a time"),
        ({"who": " "}, "allowed: a name of 1 to 1000"),
        ({"who": None}, "allowed: a name"),
        ({"decision": "right"}, "one of record_right, adjusted, unusable, undo"),
        ({"decision": ["undo"]}, "one of record_right"),
        ({"verdict": "PASS"}, "one of pass, look, cannot_judge"),
        ({"image": "photos/1.jpg"}, "without folders"),
        ({"image_sha256": "AB" * 32}, "64 hexadecimal digits in lower case"),
        ({"expected_quantity": -1}, "expected_quantity is -1; allowed: a whole number from 0"),
        ({"true_count": 2.5}, "true_count is 2.5; allowed: a whole number"),
        ({"model_count": True}, "model_count is True"),
        ({"probability": 1.5}, "a number from 0 to 1, or null"),
        ({"sampled": 1}, "true or false"),
        ({"note": "x" * 1001}, "at most 1000 characters"),
        ({"true_count": None}, "give a count other than the expected_quantity, 3"),
        ({"true_count": 3}, "or the decision record_right"),
        ({"decision": "record_right"}, "it must be the expected_quantity, 3"),
        ({"decision": "unusable"}, "it must be null"),
        ({"decision": "undo", "true_count": None}, "an undo names the id of an entry"),
        ({"undoes": identity(2)}, "no other decision does"),
        ({"decision": "undo", "true_count": None, "undoes": identity(1)}, "undoes itself"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(AuditError) as refusal:
        audits.parse(document(**changed))
    assert message in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_a_file_that_is_not_json_is_refused(content: bytes) -> None:
    with pytest.raises(AuditError, match="the entry is not JSON"):
        audits.read(content)


def test_entries_are_the_json_files_that_are_not_hidden() -> None:
    names = ["2026-11-30/a.json", "b.JSON", ".c.json", "2026-11-30/README.txt", ".git/d.json"]
    assert [name for name in names if audits.is_entry(name)] == names[:2]


def test_the_totals_of_shifts_beside_the_entries_are_no_entries() -> None:
    names = ["2026-11-30/a.json", "shifts/20261130-080000-abcdef.json", "audits/shifts/a.json"]
    assert [name for name in names if audits.is_entry(name)] == names[:1]


def test_a_missing_member_and_no_object_are_refused() -> None:
    short = document()
    del short["image_sha256"]
    with pytest.raises(AuditError, match="has no image_sha256"):
        audits.parse(short)
    with pytest.raises(AuditError, match="not a JSON object"):
        audits.parse([document()])


def test_of_each_photo_the_latest_decision_holds() -> None:
    first, second, other = adjusted(1, 1), adjusted(2, 5), adjusted(3, image="cd")
    assert audits.effective([other, second, first]) == [second, other]


def test_of_two_decisions_at_one_time_the_greater_id_holds() -> None:
    one, two = document(1), document(2, when=document(1)["when"], true_count=5)
    assert audits.effective(map(audits.parse, [two, one])) == [audits.parse(two)]


def test_an_entry_that_is_there_twice_counts_once() -> None:
    assert audits.effective([adjusted(1), adjusted(1)]) == [adjusted(1)]


def test_an_undo_brings_back_the_decision_before() -> None:
    first, second = adjusted(1, 1), adjusted(2, 5)
    assert audits.effective([first, second, undo(3, 2)]) == [first]
    assert audits.effective([first, undo(3, 1)]) == []


def test_an_undo_of_an_undo_restores() -> None:
    entries = [adjusted(1), undo(2, 1), undo(3, 2)]
    assert audits.effective(entries) == [adjusted(1)]
    assert audits.effective([*entries, undo(4, 3)]) == []


def test_two_people_who_undo_the_same_entry_undo_it_once() -> None:
    assert audits.effective([adjusted(1), undo(2, 1), undo(3, 1)]) == []
    assert audits.effective([adjusted(1), undo(2, 1), undo(3, 1), undo(4, 2)]) == []


def test_an_undo_holds_although_a_clock_is_wrong() -> None:
    assert audits.effective([adjusted(5), undo(2, 5)]) == []


def test_an_undo_of_an_absent_entry_changes_nothing() -> None:
    assert audits.effective([adjusted(1), undo(2, 9)]) == [adjusted(1)]


def test_undos_of_each_other_end_and_change_nothing_else() -> None:
    assert audits.effective([undo(1, 2), undo(2, 1), adjusted(3)]) == [adjusted(3)]


def test_the_order_of_the_entries_does_not_matter() -> None:
    generator = random.Random(0)
    chain = [adjusted(1), *(undo(number, number - 1) for number in range(2, 4000))]
    expected = audits.effective(chain)
    generator.shuffle(chain)
    assert audits.effective(chain) == expected == [adjusted(1)]


@pytest.mark.parametrize(
    ("changed", "recorded", "expected"),
    [
        ({}, 3, True),
        ({"model_count": 2}, 3, False),
        ({"model_count": None}, 3, False),
        ({"decision": "record_right", "true_count": 3}, 3, False),
        ({}, 2, False),
        ({"decision": "unusable", "true_count": None}, 3, False),
    ],
    ids=["neither", "the model's count", "no model's count", "the record's count",
         "the count of a record that was corrected since", "no count"],
)  # fmt: skip
def test_an_audit_contradicts_both_if_its_count_is_of_neither(
    changed: dict[str, Any], recorded: int, expected: bool
) -> None:
    audit = audits.parse(document(**changed))
    assert audits.contradicts_both(audit, recorded, Classes.parse("0-6+")) is expected


def test_an_open_answer_is_right_for_greater_counts() -> None:
    audit = audits.parse(document(true_count=8, model_count=6))
    assert audits.contradicts_both(audit, 3, Classes.parse("1-7"))
    assert not audits.contradicts_both(audit, 3, Classes.parse("0-6+"))
