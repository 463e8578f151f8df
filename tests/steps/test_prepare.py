"""Prepare as a whole, on a small source of real JPEGs."""

import json
import shutil
from pathlib import Path
from typing import Any

import prepare
from tests.steps.small_source import manifest, run, write_bin

ROOT = Path(__file__).resolve().parents[2]


def test_every_image_is_stored_once_under_its_split_and_count(source: Path, root: Path) -> None:
    assert run(source) == 0
    found = manifest(root)
    files = sorted((root / "processing/output").glob("*/*/*.jpg"))
    assert [file.stem for file in sorted(files, key=lambda f: f.stem)] == [
        f"{number:05d}" for number in range(1, 61)
    ]
    for image in found["images"]:
        place = Path(image["split"], str(image["count"]), f"{image['id']}.jpg")
        original = source / "bin-images" / place.name
        assert (root / "processing/output" / place).read_bytes() == original.read_bytes()
    sizes = {part: sum(counts.values()) for part, counts in found["counts"].items()}
    assert sizes == {"train": 48, "validation": 6, "test": 6}


def test_no_bin_is_in_two_splits(source: Path, root: Path) -> None:
    assert run(source) == 0
    splits: dict[str, set[str]] = {}
    for image in manifest(root)["images"]:
        splits.setdefault(image["group"], set()).add(image["split"])
    assert len(splits) == 40
    assert all(len(parts) == 1 for parts in splits.values())


def test_the_seed_alone_determines_the_result(source: Path, root: Path) -> None:
    def chosen(seed: str) -> list[Any]:
        shutil.rmtree(root, ignore_errors=True)
        assert run(source, "--subset-size", "30", "--seed", seed, "--concurrency", seed + "1") == 0
        return list(manifest(root)["images"])

    assert chosen("0") == chosen("0")
    assert chosen("0") != chosen("1")


def test_a_subset_is_balanced(source: Path, root: Path) -> None:
    assert run(source, "--subset-size", "32", "--file-list", "none") == 0
    totals = {
        count: sum(parts[count] for parts in manifest(root)["counts"].values()) for count in "123"
    }
    assert totals == {"1": 11, "2": 11, "3": 10}


def test_no_group_is_in_two_splits_with_empty_bins_and_missing_metadata(
    source: Path, root: Path
) -> None:
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


def test_other_counts_are_used_for_training_only(source: Path, root: Path) -> None:
    assert prepare.main(["--source", str(source), "--classes", "2-3", "--learn-from", "all"]) == 0
    found = manifest(root)
    output = root / "processing/output"
    assert sorted(folder.name for folder in (output / "train").glob("[0-9]*")) == ["1", "2", "3"]
    for part in ("validation", "test"):
        assert sorted(folder.name for folder in (output / part).glob("[0-9]*")) == ["2", "3"]
    held_out = {image["group"] for image in found["images"] if image["split"] != "train"}
    left_out = {entry["id"] for entry in found["left_out"]}
    of_one = {f"{number:05d}" for number in range(3, 61, 3)}
    train_only = {image["id"] for image in found["images"] if image["count"] == 1}
    assert train_only | left_out == of_one and not train_only & left_out and left_out
    assert all(entry["group"] in held_out for entry in found["left_out"])
    assert {file.stem for file in (output / "train/1").iterdir()} == train_only
    assert found["other_counts_in_train"] == {"1": len(train_only)}
    assert all("1" not in counts for counts in found["counts"].values())


def test_using_other_counts_does_not_change_the_split_of_the_classes(
    source: Path, root: Path
) -> None:
    def classes_of(learn_from: str) -> list[Any]:
        shutil.rmtree(root, ignore_errors=True)
        arguments = ["--source", str(source), "--classes", "2-3", "--learn-from", learn_from]
        assert prepare.main(arguments) == 0
        return [image for image in manifest(root)["images"] if image["count"] in (2, 3)]

    assert classes_of("classes") == classes_of("all")


def test_a_subset_takes_the_same_share_of_the_other_counts(source: Path, root: Path) -> None:
    for number in range(61, 181):
        write_bin(source, f"{number:05d}", 1 + number % 3)
    arguments = ["--source", str(source), "--classes", "2-3", "--subset-size", "40"]
    assert prepare.main([*arguments, "--learn-from", "all"]) == 0
    found = manifest(root)
    assert sum(sum(counts.values()) for counts in found["counts"].values()) == 40
    taken = sum(found["other_counts_in_train"].values()) + len(found["left_out"])
    assert taken == 20  # a third of the 120 bins of the classes; so of the 60 of the other count
