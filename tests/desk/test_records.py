"""Stock records by id, and as they are typed."""

import json
import os
from pathlib import Path

import pytest

from desk import records
from desk.records import RecordError
from pipelines.errors import UserError
from pipelines.steps import record

ITEMS = [{"quantity": 2, "length": 8.5}, {"quantity": 1}]
BLANK = {"quantity": "", "length": "", "width": "", "height": "", "weight": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "A 17.json").write_text(json.dumps(ITEMS))
    (tmp_path / ".hidden.json").write_text(json.dumps(ITEMS))
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "00042.json").write_text('{"EXPECTED_QUANTITY": 4}')
    return tmp_path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "records.csv"
    file.write_text("image,expected_quantity\naisle 7/A17.jpg,3\nB04.jpg,5\naisle 8/B04.jpg,6\n")
    return file


@pytest.mark.parametrize(("bin_id", "quantity"), [("A 17", 3), ("00042", 4), ("00042.json", 4)])
def test_a_folder_holds_a_record_for_each_id(folder: Path, bin_id: str, quantity: int) -> None:
    found = records.find(str(folder), bin_id)
    assert record.parse(found.items).quantity == quantity


@pytest.mark.parametrize("bin_id", ["B1", "../A 17", ".hidden", "metadata/00042", "", "a\0b"])
def test_an_id_leads_to_no_other_file(folder: Path, bin_id: str) -> None:
    inner = folder / "metadata"
    with pytest.raises(RecordError, match="There is no stock record with the id"):
        records.find(str(inner), bin_id)


@pytest.mark.parametrize("bin_id", ["aisle 7/A17.jpg", "aisle 7/A17", "A17.jpg", "A17", "a17"])
def test_a_table_names_a_bin_with_its_folder_or_without(table: Path, bin_id: str) -> None:
    assert records.find(str(table), bin_id).quantity == 3


def test_an_id_that_two_images_share_is_none(table: Path) -> None:
    with pytest.raises(RecordError, match="no stock record with the id 'B04'"):
        records.find(str(table), "B04")
    assert records.find(str(table), "aisle 8/B04").quantity == 6


def test_a_table_is_read_again_when_it_has_changed(table: Path) -> None:
    records.find(str(table), "A17")
    table.write_text("image,expected_quantity\nA17.jpg,9\n")
    os.utime(table, ns=(1, 1))
    assert records.find(str(table), "A17").quantity == 9


@pytest.mark.parametrize(
    ("source", "message"),
    [("", "setting desk.records"), ("/nowhere.csv", "desk.records: there is no file or folder")],
)
def test_records_that_are_not_there_are_explained(source: str, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        records.find(source, "A17")


def test_a_record_that_cannot_be_used_is_explained(folder: Path) -> None:
    (folder / "bad.json").write_text("[{}]")
    with pytest.raises(Exception, match=r"bad\.json: item 1 of the record"):
        records.find(str(folder), "bad")


def test_nothing_typed_is_no_record() -> None:
    assert records.typed("", [BLANK, BLANK], "inches") is None


def test_items_are_typed_in_centimetres_and_kilograms() -> None:
    row = {"quantity": "2", "length": "21,6", "width": "", "height": "", "weight": "0.4"}
    typed = records.typed("", [row, BLANK], "centimetres")
    assert typed is not None
    (item,) = record.parse(typed.items).items or ()
    assert (item.quantity, item.width) == (2, None)
    assert item.length == pytest.approx(8.5, abs=0.01)
    assert item.weight == pytest.approx(0.88, abs=0.01)


@pytest.mark.parametrize(
    ("quantity", "row", "message"),
    [
        ("three", {}, "The quantity on record is 'three'"),
        ("٣", {}, "enter a whole number"),
        ("9999999999", {}, "enter a whole number"),
        ("", {"length": "8"}, "Item 1: enter its quantity"),
        ("", {"quantity": "1", "length": "long"}, "Item 1: the length is 'long'"),
        ("", {"quantity": "0"}, "The items cannot be used: item 1 of the record"),
        ("", {"quantity": "1", "weight": "nan"}, "Item 1: the weight is 'nan'"),
    ],
)
def test_what_is_typed_wrong_is_explained(quantity: str, row: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        records.typed(quantity, [{**BLANK, **row}], "inches")
