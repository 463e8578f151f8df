"""What the record's items say: learnt as a set, and never from a quantity, an id or a name."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import item_features
import record
from record import Record
from record_network import RecordPart
from training.answering import items
from training.data.images import Images
from training.data.known_bins import KnownBin
from training.model.losses import Levels

LEVELS = Levels((1, 2, 3), (1, 2, 3))


def metadata(*quantities: int, names: bool = True) -> dict[str, Any]:
    """A record of items that differ in size, with these quantities."""
    return {
        "EXPECTED_QUANTITY": sum(quantities),
        "BIN_FCSKU_DATA": {
            f"B{number}": {
                "asin": f"B{number}" if names else "X", "name": f"{number}" if names else None,
                "quantity": quantity,
                "length": {"unit": "IN", "value": 4.0 + number},
                "width": {"unit": "IN", "value": 3.0}, "height": {"unit": "IN", "value": 1.5},
                "weight": {"unit": "pounds", "value": 0.3 * number + 0.1},
            }
            for number, quantity in enumerate(quantities)
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def part() -> RecordPart:
    torch.manual_seed(3)
    return RecordPart(5).eval()


def said(part: RecordPart, document: Any) -> np.ndarray:
    encoded = item_features.encode([record.parse(document)])
    with torch.inference_mode():
        return part(*map(torch.from_numpy, encoded)).numpy()


def test_no_bit_changes_with_the_quantities(part: RecordPart) -> None:
    first = said(part, metadata(1, 2, 3))
    for quantities in [*itertools.permutations((1, 2, 3)), (1, 1, 1), (900, 2, 7)]:
        assert (said(part, metadata(*quantities)) == first).all()


def test_ids_names_and_the_order_of_items_are_not_read(part: RecordPart) -> None:
    document = metadata(1, 2, 3)
    first = said(part, document)
    assert (said(part, metadata(1, 2, 3, names=False)) == first).all()
    entries = list(document["BIN_FCSKU_DATA"].values())
    for order in itertools.permutations(range(3)):
        shuffled = {f"key {at}": entries[at] for at in order}
        changed = {"EXPECTED_QUANTITY": 6, "BIN_FCSKU_DATA": shuffled}
        assert (said(part, changed) == first).all()


def test_sizes_and_the_number_of_items_are_read(part: RecordPart) -> None:
    document = metadata(1, 2)
    first = said(part, document)
    document["BIN_FCSKU_DATA"]["B0"]["length"]["value"] = 40.0
    assert not np.allclose(said(part, document), first)
    assert not np.allclose(said(part, metadata(1, 2, 1)), first)


def test_other_bins_of_a_batch_change_nothing(part: RecordPart) -> None:
    alone = said(part, metadata(1, 2))
    records = [record.parse(metadata(*[1] * n)) for n in (2, 9)]
    encoded = item_features.encode([records[0], records[1], None])
    with torch.inference_mode():
        together = part(*map(torch.from_numpy, encoded)).numpy()
    assert together[0] == pytest.approx(alone[0], abs=1e-6)


def test_unknown_sides_and_long_lists_give_finite_numbers(part: RecordPart) -> None:
    nothing = {"EXPECTED_QUANTITY": 1, "BIN_FCSKU_DATA": {"B": {"quantity": 1}}}
    assert np.isfinite(said(part, nothing)).all()
    assert np.isfinite(said(part, metadata(*[1] * 60))).all()
    assert np.isfinite(said(part, {"EXPECTED_QUANTITY": 0, "BIN_FCSKU_DATA": {}})).all()


def learnt_from(number: int) -> Images:
    """Bins whose items are the smaller, the more of them there are; without pixels."""
    rng = np.random.default_rng(0)
    counts = torch.from_numpy(rng.integers(1, 4, number))
    bins = []
    for count in counts.tolist():
        side = 9.0 / count * rng.uniform(0.9, 1.1)
        item = record.Item(1, side, side, side, 1.0)
        bins.append(KnownBin(Record(int(count), (item,))))
    return Images(torch.zeros(number, 3, 1, 1), counts - 1, (1, 2, 3), (), tuple(bins))


def test_counts_are_learnt_from_sizes_and_the_same_seed_gives_the_same_part() -> None:
    images = learnt_from(400)
    first, second = (items.fit(images, LEVELS, seed=5) for _ in range(2))
    assert first is not None and second is not None
    encoded = tuple(map(torch.from_numpy, item_features.encode(images.records)))
    with torch.inference_mode():
        answers, again = first(*encoded), second(*encoded)
    assert (answers == again).all()
    assert (answers.argmax(1) == images.labels).float().mean() > 0.95


def test_too_few_records_teach_nothing() -> None:
    assert items.fit(learnt_from(items.FEWEST - 1), LEVELS, seed=0) is None
