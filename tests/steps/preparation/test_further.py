"""The further source: learnt from, never judged on."""

import json
from pathlib import Path

from tests.steps.small_source import jpeg, manifest, message, run, write_bin


def further(folder: Path, counts: dict[str, int]) -> Path:
    """Bins that have a count and no items, as collections by others do."""
    for part in ("bin-images", "metadata"):
        (folder / part).mkdir(parents=True)
    for number, (identity, count) in enumerate(counts.items(), start=500):
        write_bin(folder, identity, count, image=jpeg(number))
        record = json.dumps({"EXPECTED_QUANTITY": count})
        (folder / f"metadata/{identity}.json").write_text(record)
    return folder


def test_further_bins_are_in_train_alone_under_ids_of_their_own(
    source: Path, root: Path, tmp_path: Path
) -> None:
    more = further(tmp_path / "more", {"7": 1, "9": 3, "20": 2, "40": 9})
    assert run(source, "--further", str(more)) == 0
    found = manifest(root)
    output = root / "processing/output"
    ids = {"further-7", "further-9", "further-20"}
    assert {file.stem for file in output.glob("*/*/further-*.jpg")} == ids
    assert {file.stem for file in output.glob("train/*/further-*.jpg")} == ids
    rows = [image for image in found["images"] if image.get("further")]
    assert {row["id"] for row in rows} == ids and {row["split"] for row in rows} == {"train"}
    assert found["further"] == {"1": 1, "2": 1, "3": 1}
    assert found["further_not_used"] == {"held_out": [], "other_counts": {"9": 1}}
    assert sum(found["counts"]["train"].values()) == 48  # the source's own
    described = [json.loads(line) for line in (output / "train/bins.jsonl").open()]
    assert {line["id"] for line in described if line["further"]} == ids
    assert all(line["items"] is None for line in described if line["further"])
    for part in ("validation", "test"):
        assert "further-" not in (output / part / "bins.jsonl").read_text()


def test_further_bins_do_not_change_the_split(source: Path, root: Path, tmp_path: Path) -> None:
    assert run(source) == 0
    before = manifest(root)["images"]
    assert run(source, "--further", str(further(tmp_path / "more", {"7": 1}))) == 0
    assert [image for image in manifest(root)["images"] if not image.get("further")] == before


def test_what_may_be_in_validation_or_test_is_not_learnt_from(
    source: Path, root: Path, tmp_path: Path
) -> None:
    assert run(source) == 0
    held = [image for image in manifest(root)["images"] if image["split"] == "test"]
    same_id, neighbour, same_image = (held[n]["id"] for n in (0, 2, 4))
    after = f"{int(neighbour) + 1:05d}"
    more = further(tmp_path / "more", {same_id: 1, after: 1, "700": 1, "800": 1})
    image = (source / f"bin-images/{same_image}.jpg").read_bytes()
    (more / "bin-images/700.jpg").write_bytes(image)
    assert run(source, "--further", str(more)) == 0
    found = manifest(root)
    expected = {f"further-{same_id}", f"further-{after}", "further-700"}
    assert set(found["further_not_used"]["held_out"]) == expected
    assert found["further"] == {"1": 1}


def test_a_further_source_of_which_too_much_is_broken_is_named(
    source: Path, root: Path, tmp_path: Path
) -> None:
    more = further(tmp_path / "more", {"7": 1, "9": 3})
    (more / "bin-images/7.jpg").write_bytes(b"no picture")
    assert run(source, "--further", str(more)) == 1
    assert "1 of the 2 bins of the further source" in message(root)
    assert "undecodable-image" in message(root) and str(more) in message(root)
    assert not (root / "processing/output/manifest").exists()
