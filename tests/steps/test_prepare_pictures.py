"""What Prepare stores of a picture, and says of it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import pixels
from tests.steps.small_source import manifest, photo, run, write_bin

pytest_plugins = ["tests.steps.small_source"]


def test_images_are_stored_at_the_size_of_the_training(source: Path, root: Path) -> None:
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


@pytest.mark.parametrize(
    ("items", "kinds", "volume"),
    [
        ([("A", 2, (1, 2, 3)), ("B", 1, (1, 1, 9))], 2, 7.0),
        ([("A", 2, (1, 2, 3)), ("A", 1, (1, 2, 3))], 1, 6.0),
        ([("A", 2, (1, 2, 3)), ("B", 1, None)], 2, 6.0),
        ([("A", 3, None)], 1, None),
        ([], 0, None),
    ],
    ids=["weighted", "one-kind", "one-unknown", "unknown", "empty"],
)
def test_the_manifest_says_what_is_known_of_the_items(
    source: Path,
    root: Path,
    items: list[tuple[str, int, tuple[int, int, int] | None]],
    kinds: int,
    volume: float | None,
) -> None:
    def item(asin: str, quantity: int, size: tuple[int, int, int] | None) -> dict[str, Any]:
        sides = dict.fromkeys(("height", "length", "width"))
        if size:
            units = [{"unit": "IN", "value": value} for value in size]
            sides = dict(zip(sides, units, strict=True))
        return {"asin": asin, "quantity": quantity, **sides}

    data = {str(number): item(*described) for number, described in enumerate(items)}
    document = {"BIN_FCSKU_DATA": data, "EXPECTED_QUANTITY": 3}
    (source / "metadata/00001.json").write_text(json.dumps(document))
    assert run(source) == 0
    (row,) = [image for image in manifest(root)["images"] if image["id"] == "00001"]
    assert (row["items"], row["volume"]) == (kinds, volume)
    assert (row["width"], row["height"]) == (64, 48)
