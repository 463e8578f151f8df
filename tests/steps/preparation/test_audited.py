"""Audits as a source of counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.steps.audit_entries import audit
from tests.steps.small_source import jpeg, manifest, message, run, write_bin

Row = Callable[[str], dict[str, Any]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The folder of the log."""
    return tmp_path / "audits"


@pytest.fixture
def row(root: Path) -> Row:
    """A function that returns the manifest's entry of an image."""

    def find(identity: str) -> dict[str, Any]:
        (found,) = (image for image in manifest(root)["images"] if image["id"] == identity)
        return dict(found)

    return find


def image(source: Path, identity: str) -> Path:
    return source / "bin-images" / f"{identity}.jpg"


def line(root: Path, identity: str) -> dict[str, Any]:
    """The line of bins.jsonl about an image."""
    lines = [
        json.loads(text)
        for file in (root / "processing/output").glob("*/bins.jsonl")
        for text in file.read_text().splitlines()
    ]
    (found,) = (one for one in lines if one["id"] == identity)
    return dict(found)


def test_an_audited_count_replaces_the_records(
    source: Path, root: Path, log: Path, row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(log, image(source, "00001"), 2, 3, model_count=1)  # the record of 00001 lists two
    audit(log, image(source, "00002"), 3, 3)
    assert run(source, "--audits", str(log), "--audit-version", "v1") == 0
    changed, confirmed, other = row("00001"), row("00002"), row("00004")
    output = root / "processing/output"
    assert (output / changed["split"] / "3/00001.jpg").is_file()
    assert (changed["count"], changed["recorded_count"], changed["count_from"]) == (3, 2, "audit")
    assert changed["audit_contradicts_both"] and changed["items"] is None
    assert (confirmed["count"], confirmed["count_from"]) == (3, "audit")
    assert not confirmed["audit_contradicts_both"] and confirmed["items"] == 1
    assert other["count_from"] == "record"
    found = manifest(root)
    assert found["audits"] == {
        "entries": 2, "decisions": 2, "used": 2, "changed": 1, "contradict_both": ["00001"],
        "other_photo": [], "photo_not_in_source": 0, "unreadable": [],
    }  # fmt: skip
    assert (found["audit_source"], found["audit_version"]) == (str(log), "v1")
    assert "counts from audits: 2, of which 1 are not the record's, and 1 neither" in (
        capsys.readouterr().out
    )


def test_training_and_evaluation_learn_what_the_audit_found(
    source: Path, root: Path, log: Path
) -> None:
    audit(log, image(source, "00001"), 2, 3, model_count=1)
    assert run(source, "--audits", str(log)) == 0
    finding = {"recorded_count": 2, "model_count": 1, "contradicts_both": True}
    changed, other = line(root, "00001"), line(root, "00004")
    assert (changed["count"], changed["items"], changed["audit"]) == (3, None, finding)
    assert other["items"] and other["audit"] is None


def test_the_split_is_that_of_the_audited_counts(source: Path, root: Path, log: Path) -> None:
    for number in range(1, 61):  # every record is wrong: 1, 2, 3 hold 3, 1, 2
        recorded = 1 + number % 3
        audit(log, image(source, f"{number:05d}"), recorded, 1 + (recorded + 1) % 3)
    assert run(source, "--audits", str(log)) == 0
    for part, number in (("train", 16), ("validation", 2), ("test", 2)):
        assert manifest(root)["counts"][part] == dict.fromkeys("123", number)


def test_audits_of_some_bins_change_the_split_of_no_other_class(
    source: Path, root: Path, log: Path
) -> None:
    assert run(source) == 0
    before = {one["id"]: one for one in manifest(root)["images"]}
    for identity, one in list(before.items())[:20]:
        audit(log, image(source, identity), one["count"], one["count"])
    assert run(source, "--audits", str(log)) == 0
    after = manifest(root)["images"]
    assert {one["id"]: one["split"] for one in after} == {
        identity: one["split"] for identity, one in before.items()
    }
    assert {one["split"] for one in after if one["count_from"] == "audit"} > {"train"}


def test_a_subset_has_the_audited_bins(source: Path, root: Path, log: Path) -> None:
    audited = [f"{number:05d}" for number in range(40, 55)]
    for number, identity in enumerate(audited, start=40):
        audit(log, image(source, identity), 1 + number % 3, 1 + number % 3)
    assert run(source, "--subset-size", "24", "--audits", str(log)) == 0
    found = manifest(root)
    assert len(found["images"]) == 24
    assert set(audited) < {one["id"] for one in found["images"]}
    totals = [sum(counts[c] for counts in found["counts"].values()) for c in "123"]
    assert totals == [8, 8, 8]


def test_audited_bins_do_not_enlarge_a_subset(source: Path, root: Path, log: Path) -> None:
    for number in range(1, 61):
        audit(log, image(source, f"{number:05d}"), 1 + number % 3, 1 + number % 3)
    assert run(source, "--subset-size", "24", "--audits", str(log)) == 0
    assert len(manifest(root)["images"]) == 24


def test_an_audit_of_another_photo_of_that_name_is_not_used(
    source: Path, root: Path, log: Path, row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(log, image(source, "00001"), 2, 3)
    image(source, "00001").write_bytes(jpeg(99))
    assert run(source, "--audits", str(log)) == 0
    assert (row("00001")["count"], row("00001")["count_from"]) == (2, "record")
    assert manifest(root)["audits"]["other_photo"] == ["00001"]
    assert "audits of another photo of the same name, not used: 1" in capsys.readouterr().out


def test_of_photos_that_share_a_name_each_gets_its_own_audit(
    root: Path, log: Path, tmp_path: Path
) -> None:
    source = tmp_path / "folders"
    for number in range(1, 31):
        file = source / f"{1 + number % 3}" / f"more{number // 3}" / "IMG.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg(number))
    audit(log, source / "1/more1/IMG.jpg", 1, 2)
    audit(log, source / "1/more2/IMG.jpg", 1, 3)
    assert run(source, "--audits", str(log)) == 0
    images = {one["id"]: one["count"] for one in manifest(root)["images"]}
    assert (images["1-more1-IMG"], images["1-more2-IMG"], images["1-more3-IMG"]) == (2, 3, 1)


def test_the_name_of_the_photo_may_have_another_suffix(source: Path, log: Path, row: Row) -> None:
    audit(log, image(source, "00001"), 2, 3, image="00001.jpeg")
    assert run(source, "--audits", str(log)) == 0
    assert row("00001")["count"] == 3


def test_a_photo_that_was_found_unusable_is_quarantined(
    source: Path, root: Path, log: Path
) -> None:
    for number in range(1, 11):  # more than may be lost of a broken source
        audit(log, image(source, f"{number:05d}"), 1 + number % 3, None)
    assert run(source, "--audits", str(log)) == 0
    found = manifest(root)
    assert len(found["images"]) == 50
    assert {one["reason"] for one in found["quarantined"]} == {"audited-unusable"}
    assert "Ana" not in json.dumps(found)  # names stay in the log


def test_a_record_that_was_corrected_since_agrees_with_its_audit(
    source: Path, log: Path, row: Row
) -> None:
    audit(log, image(source, "00001"), 3, 2, model_count=1)  # now its record lists two
    assert run(source, "--audits", str(log)) == 0
    corrected = row("00001")
    assert (corrected["count"], corrected["recorded_count"], corrected["items"]) == (2, 2, 1)
    assert corrected["count_from"] == "audit" and not corrected["audit_contradicts_both"]


def test_an_undone_audit_changes_nothing(source: Path, log: Path, row: Row) -> None:
    first = audit(log, image(source, "00001"), 2, 3)
    undone = {"decision": "undo", "true_count": None, "undoes": first.stem}
    audit(log, image(source, "00001"), 2, None, **undone)
    assert run(source, "--audits", str(log)) == 0
    assert row("00001")["count_from"] == "record"


def test_a_bin_of_another_count_by_its_audit_is_no_longer_of_the_classes(
    source: Path, root: Path, log: Path
) -> None:
    audit(log, image(source, "00001"), 2, 7)
    assert run(source, "--audits", str(log)) == 0
    found = manifest(root)
    assert found["other_counts"] == {"7": 1}
    assert "00001" not in {one["id"] for one in found["images"]}


def test_an_audited_count_is_used_where_the_record_contradicts_itself(
    source: Path, log: Path, row: Row
) -> None:
    file = source / "metadata/00004.json"
    file.write_text(file.read_text().replace('"quantity": 2', '"quantity": 9'))
    audit(log, image(source, "00004"), 2, 2)
    assert run(source, "--contradictions", "leave-out", "--audits", str(log)) == 0
    assert row("00004")["count"] == 2


def test_further_bins_have_audited_counts_too(
    source: Path, log: Path, row: Row, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    for part in ("bin-images", "metadata"):
        (more / part).mkdir(parents=True)
    write_bin(more, "70007", 1)
    audit(log, image(more, "70007"), 1, 3)
    assert run(source, "--further", str(more), "--audits", str(log)) == 0
    assert (row("further-70007")["count"], row("further-70007")["count_from"]) == (3, "audit")


def test_the_groups_do_not_change_with_the_counts(
    source: Path, root: Path, log: Path, row: Row
) -> None:
    assert run(source) == 0
    group = row("00003")["group"]
    audit(log, image(source, "00002"), 3, None)
    audit(log, image(source, "00003"), 1, 2)
    assert run(source, "--audits", str(log)) == 0
    assert row("00003")["group"] == group == "00002"


def test_an_entry_that_cannot_be_read_is_listed_and_too_many_fail(
    source: Path, root: Path, log: Path, row: Row
) -> None:
    for number in range(1, 11):
        audit(log, image(source, f"{number:05d}"), 1 + number % 3, 1 + number % 3)
    (log / "broken.json").write_text("{")
    assert run(source, "--audits", str(log)) == 0
    (unreadable,) = manifest(root)["audits"]["unreadable"]
    assert unreadable["name"] == "broken.json" and "not JSON" in unreadable["detail"]
    (log / "old.json").write_text('{"version": 0}')
    assert run(source, "--audits", str(log)) == 1
    assert "2 of the 12 audits" in message(root) and "broken.json" in message(root)


def test_a_prefix_without_audits_is_refused(source: Path, root: Path, log: Path) -> None:
    log.mkdir()
    assert run(source, "--audits", str(log)) == 1
    assert "has no audits" in message(root) and "AuditSource" in message(root)
