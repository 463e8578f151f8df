"""The stock record: what is read, what is not used, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import record
from record import Item, Record, RecordError

ABID: dict[str, Any] = {
    "BIN_FCSKU_DATA": {
        "B001": {
            "asin": "B001", "name": "a book", "quantity": 2,
            "length": {"unit": "IN", "value": 8.5}, "width": {"unit": "IN", "value": 5.0},
            "height": {"unit": "IN", "value": 1.25}, "weight": {"unit": "pounds", "value": 0.75},
        },
        "B002": {"asin": "B002", "name": None, "quantity": 1, "length": None, "weight": None},
    },
    "EXPECTED_QUANTITY": 3,
}  # fmt: skip


def test_abids_metadata_is_read_as_it_is() -> None:
    assert record.parse(ABID) == Record(3, (Item(2, 8.5, 5.0, 1.25, 0.75), Item(1)))


def test_a_plain_list_is_converted_to_inches_and_pounds() -> None:
    read = record.parse(
        [
            {"sku": "A", "quantity": 4, "length": 25.4, "width": 2.54, "height": 5.08, "unit": "cm",
             "weight": 2, "weight_unit": "kg"},
            {"quantity": 1},
        ]
    )  # fmt: skip
    assert read.quantity == 5
    assert read.items is not None
    first, second = read.items
    assert (first.length, first.width, first.height) == pytest.approx((10.0, 1.0, 2.0))
    assert first.weight == pytest.approx(4.40924)
    assert second == Item(1)


@pytest.mark.parametrize("value", [0, -3, 1e400, 10**400, float("nan"), "8", True, None, 5000, [1]])
def test_an_absurd_side_is_unknown(value: Any) -> None:
    document = {"EXPECTED_QUANTITY": 1, "BIN_FCSKU_DATA": {
        "B": {"quantity": 1, "length": {"unit": "IN", "value": value}}}}  # fmt: skip
    assert record.parse(document) == Record(1, (Item(1),))


def test_a_quantity_alone_has_no_items_and_an_empty_list_has_none() -> None:
    assert record.parse({"EXPECTED_QUANTITY": 4}) == Record(4, None)
    assert record.parse({"EXPECTED_QUANTITY": 0, "BIN_FCSKU_DATA": {}}) == Record(0, ())


def test_an_item_survives_a_line_of_bins_jsonl() -> None:
    read = record.parse(ABID)
    assert read.items is not None
    assert record.stored([item.as_dict() for item in read.items], 3) == read
    assert record.stored(None, 3) == Record(3, None)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("text", "the record is a text"),
        (None, "the record is null"),
        (3, "the record is a number"),
        ({}, "neither BIN_FCSKU_DATA nor EXPECTED_QUANTITY"),
        ({"EXPECTED_QUANTITY": -1}, "EXPECTED_QUANTITY is -1"),
        ({"EXPECTED_QUANTITY": 10**9}, "EXPECTED_QUANTITY is 1000000000"),
        ({"EXPECTED_QUANTITY": True}, "EXPECTED_QUANTITY is True"),
        ({"EXPECTED_QUANTITY": 1, "BIN_FCSKU_DATA": [1]}, "not a table of items"),
        ([3], "item 1 of the record is a number"),
        ([{"quantity": 1}, {}], "item 2 of the record has the quantity None"),
        ([{"quantity": 0}], "leave out items of which the bin should hold none"),
        ([{"quantity": 1.5}], "has the quantity 1.5"),
        ([{"quantity": 1, "unit": "cubit"}], "allowed: in, inch"),
        ([{"quantity": 1, "weight_unit": "stone"}], "allowed: lb, lbs"),
        ([{"quantity": 1, "length": "8"}], "the length of item 1 of the record is a text"),
        ([{"quantity": 1}] * 1001, "at most 1000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(document: Any, said: str) -> None:
    with pytest.raises(RecordError) as refusal:
        record.parse(document)
    assert said in str(refusal.value)
