"""What is chosen, fetched and quarantined."""

import shutil
from pathlib import Path

import pytest

import photo
from tests.steps.small_source import jpeg, manifest, message, run

FLAWS = {
    "empty-image": lambda s: (s / "bin-images/00001.jpg").write_bytes(b""),
    "undecodable-image": lambda s: (s / "bin-images/00001.jpg").write_bytes(b"words, no pixels"),
    "truncated-image": lambda s: (s / "bin-images/00001.jpg").write_bytes(jpeg(1)[:-400]),
    "no-image": lambda s: (s / "bin-images/00001.jpg").unlink(),
    "no-metadata": lambda s: (s / "metadata/00001.json").unlink(),
    "malformed-metadata": lambda s: (s / "metadata/00001.json").write_text('{"EXPECTED_QU'),
    "bad-count": lambda s: (s / "metadata/00001.json").write_text('{"EXPECTED_QUANTITY": -2}'),
}


HOSTILE = {
    "nested": ("[" * 200_000, "malformed-metadata"),
    "huge-count": ('{"EXPECTED_QUANTITY": 1' + "0" * 400 + "}", "bad-count"),
}


@pytest.mark.parametrize("reason", FLAWS)
def test_a_bin_with_a_flaw_is_quarantined_with_the_reason_and_no_other(
    source: Path, root: Path, reason: str
) -> None:
    FLAWS[reason](source)
    assert run(source) == 0
    found = manifest(root)
    assert [(entry["id"], entry["reason"]) for entry in found["quarantined"]] == [("00001", reason)]
    assert found["quarantined"][0]["detail"]
    assert len(found["images"]) == 59


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_metadata_is_quarantined(source: Path, root: Path, name: str) -> None:
    text, reason = HOSTILE[name]
    (source / "metadata/00001.json").write_text(text)
    assert run(source) == 0
    assert [entry["reason"] for entry in manifest(root)["quarantined"]] == [reason]


def test_an_image_that_the_endpoint_would_refuse_is_quarantined(source: Path, root: Path) -> None:
    (source / "bin-images/00001.jpg").write_bytes(jpeg(1, (5001, 5000)))
    (source / "bin-images/00002.jpg").write_bytes(jpeg(2) + b"0" * photo.MAX_BYTES)
    assert run(source) == 0
    quarantined = {one["id"]: one["detail"] for one in manifest(root)["quarantined"]}
    assert quarantined["00001"] == "5001 x 5000 = 25.0 megapixels; at most 25 megapixels are served"
    assert quarantined["00002"].endswith("bytes; at most 26214400 are served")


def test_the_lost_share_of_a_small_subset_is_that_of_the_examined_bins(
    source: Path, root: Path
) -> None:
    for number in (1, 2, 3):
        (source / "metadata" / f"{number:05d}.json").unlink()
    assert run(source, "--subset-size", "27", "--max-quarantined", "0.06") == 0  # 3 of 60, not 30
    assert run(source, "--subset-size", "27", "--max-quarantined", "0.04") == 1
    assert "5% of the bins cannot be used" in message(root)


def test_a_broken_image_of_a_subset_is_replaced(source: Path, root: Path) -> None:
    for number in (1, 4, 7):
        (source / "bin-images" / f"{number:05d}.jpg").write_bytes(b"")
    assert run(source, "--subset-size", "45", "--max-quarantined", "0.2") == 0
    assert len(manifest(root)["images"]) == 45


def test_too_many_flaws_fail_the_step_without_a_manifest(source: Path, root: Path) -> None:
    for number in range(1, 20):
        (source / "bin-images" / f"{number:05d}.jpg").write_bytes(b"")
    assert run(source) == 1
    assert "empty-image: 19 (00001 00002 00003 ...)" in message(root)
    assert not (root / "processing/output/manifest").exists()


def test_the_message_counts_the_reasons_if_no_bin_can_be_used(source: Path, root: Path) -> None:
    for file in (source / "metadata").iterdir():
        file.write_text("{")
    assert run(source) == 1
    assert "quarantined: malformed-metadata: 60 (00001 00002 00003 ...)" in message(root)


def test_quantities_that_do_not_add_up_are_marked_or_left_out(source: Path, root: Path) -> None:
    file = source / "metadata" / "00004.json"
    file.write_text(file.read_text().replace('"quantity": 2', '"quantity": 9'))

    assert run(source) == 0
    marked = [image["id"] for image in manifest(root)["images"] if "quantities_add_up" in image]
    assert marked == ["00004"]

    shutil.rmtree(root)
    assert run(source, "--contradictions", "leave-out") == 0
    found = manifest(root)
    assert "00004" not in {image["id"] for image in found["images"]}
    assert len(found["images"]) == 59
    assert [(one["id"], one["reason"]) for one in found["quarantined"]] == [
        ("00004", "quantities-do-not-add-up")
    ]
