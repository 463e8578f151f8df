"""The manifest."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.steps.small_source import manifest, run


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
def test_a_row_has_the_number_of_kinds_and_the_mean_volume(
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
