"""How pictures are stored."""

import io
from pathlib import Path

from PIL import Image

import pixels
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
