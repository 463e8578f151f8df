"""Counts outside the classes: learnt from, never judged, and no bin in two splits."""

import json
import shutil
from pathlib import Path
from typing import Any

import prepare
from tests.steps.small_source import manifest, run, write_bin

pytest_plugins = ["tests.steps.small_source"]


def test_no_group_is_in_two_splits_whatever_is_known_of_the_bins(source: Path, root: Path) -> None:
    """With empty bins, ids without metadata, and counts that are only learnt from."""
    for number in range(1, 61):
        if number % 7 == 0:
            (source / "metadata" / f"{number:05d}.json").unlink()
        elif number % 5 == 0:
            document = {"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": 0}
            (source / "metadata" / f"{number:05d}.json").write_text(json.dumps(document))
    for classes in ("0-3", "1-2"):
        shutil.rmtree(root, ignore_errors=True)
        assert run(source, "--classes", classes, "--learn-from", "all",
                   "--max-quarantined", "0.5") == 0  # fmt: skip
        splits: dict[str, set[str]] = {}
        for image in manifest(root)["images"]:
            splits.setdefault(image["group"], set()).add(image["split"])
        assert all(len(parts) == 1 for parts in splits.values())
        assert "00004" in splits  # 5 is empty and joins 4
        assert "00005" not in splits


def test_other_counts_are_learnt_from_and_never_judged(source: Path, root: Path) -> None:
    assert prepare.main(["--source", str(source), "--classes", "2-3", "--learn-from", "all"]) == 0
    found = manifest(root)
    output = root / "processing/output"
    assert sorted(folder.name for folder in (output / "train").iterdir()) == ["1", "2", "3"]
    for part in ("validation", "test"):
        assert sorted(folder.name for folder in (output / part).iterdir()) == ["2", "3"]
    held_out = {image["group"] for image in found["images"] if image["split"] != "train"}
    left_out = {entry["id"] for entry in found["left_out"]}
    of_one = {f"{number:05d}" for number in range(3, 61, 3)}
    taught = {image["id"] for image in found["images"] if image["count"] == 1}
    assert taught | left_out == of_one and not taught & left_out and left_out
    assert all(entry["group"] in held_out for entry in found["left_out"])
    assert {file.stem for file in (output / "train/1").iterdir()} == taught
    assert found["other_counts_in_train"] == {"1": len(taught)}
    assert all("1" not in counts for counts in found["counts"].values())


def test_the_classes_are_split_alike_whether_others_are_learnt_from_or_not(
    source: Path, root: Path
) -> None:
    def judged(learn_from: str) -> list[Any]:
        shutil.rmtree(root, ignore_errors=True)
        arguments = ["--source", str(source), "--classes", "2-3", "--learn-from", learn_from]
        assert prepare.main(arguments) == 0
        return [image for image in manifest(root)["images"] if image["count"] in (2, 3)]

    assert judged("classes") == judged("all")


def test_a_subset_takes_the_same_share_of_the_other_counts(source: Path, root: Path) -> None:
    for number in range(61, 181):
        write_bin(source, f"{number:05d}", 1 + number % 3)
    arguments = ["--source", str(source), "--classes", "2-3", "--subset-size", "40"]
    assert prepare.main([*arguments, "--learn-from", "all"]) == 0
    found = manifest(root)
    assert sum(sum(counts.values()) for counts in found["counts"].values()) == 40
    taken = sum(found["other_counts_in_train"].values()) + len(found["left_out"])
    assert taken == 20  # a third of the 120 bins of the classes; so of the 60 of the other count
