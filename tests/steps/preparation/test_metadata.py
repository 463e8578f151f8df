"""The stock record of one bin."""

import json

from preparation.metadata import parse


def test_an_items_size_that_no_float_can_hold_counts_as_unknown() -> None:
    side = {"unit": "IN", "value": 10**400}
    item = {"asin": "A", "quantity": 1} | dict.fromkeys(("height", "length", "width"), side)
    content = json.dumps({"EXPECTED_QUANTITY": 1, "BIN_FCSKU_DATA": {"A": item}})
    assert parse("00001", content.encode()).volume is None
