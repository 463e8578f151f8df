"""How pictures are stored."""

import io
from pathlib import Path

import pytest
from PIL import Image

import pixels
from preparation.errors import UnusableBinError
from preparation.picture import check
from tests.steps import damaged
from tests.steps.small_source import manifest, photo, run, write_bin


def test_images_of_train_and_validation_are_stored_at_the_training_size(
    source: Path, root: Path
) -> None:
    for number in range(1, 61):
        write_bin(source, f"{number:05d}", 1 + number % 3, image=photo(number, (300, 211)))
    write_bin(source, "00001", 2, image=photo(1, (50, 40)))
    assert run(source, "--store-size", "64") == 0
    found = manifest(root)
    assert found["store_size"] == 64
    for image in found["images"]:
        name = f"{image['id']}.jpg"
        content = (root / "processing/output" / image["split"] / str(image["count"]) / name
                   ).read_bytes()  # fmt: skip
        original = (source / "bin-images" / name).read_bytes()
        if image["split"] == "test" or image["id"] == "00001":
            assert content == original
            continue
        with Image.open(io.BytesIO(content)) as stored:
            assert (stored.format, stored.size) == ("JPEG", (64, 64))
        difference = pixels.decode(content, 64).astype(int) - pixels.decode(original, 64)
        assert abs(difference).mean() < 3  # of 255: what JPEG rounds
        assert (image["width"], image["height"]) == (300, 211)


@pytest.mark.parametrize("damage", damaged.LOSSES)
@pytest.mark.parametrize("setting", damaged.SETTINGS)
def test_a_damaged_photo_is_set_aside_with_the_decoders_reason(setting: str, damage: str) -> None:
    with pytest.raises(UnusableBinError, match=r"(?i)corrupt|truncated|premature") as caught:
        check(damaged.LOSSES[damage](damaged.jpeg(setting)))
    assert caught.value.reason in ("undecodable-image", "truncated-image")


@pytest.mark.parametrize("setting", damaged.SETTINGS)
def test_a_sound_photo_with_a_trailer_is_used(setting: str) -> None:
    assert check(damaged.jpeg(setting) + b"what a camera adds") == (320, 240)


def test_bins_with_damaged_photos_are_quarantined(source: Path, root: Path) -> None:
    whole = damaged.jpeg("4:2:0")
    for number, damage in enumerate(damaged.LOSSES, 1):
        image = source / "bin-images" / f"{number:05d}.jpg"
        image.write_bytes(damaged.LOSSES[damage](whole))
    (source / "bin-images/00010.jpg").write_bytes(whole)
    assert run(source, "--max-quarantined", "0.2") == 0
    found = manifest(root)
    ids = {f"{number:05d}" for number in range(1, len(damaged.LOSSES) + 1)}
    assert {entry["id"] for entry in found["quarantined"]} == ids
    assert "00010" in {entry["id"] for entry in found["images"]}
