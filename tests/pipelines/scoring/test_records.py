"""Stock records of a folder or a CSV file, as people and Excel write them."""

from pathlib import Path

import pytest

from pipelines.scoring import records
from pipelines.serving.stock_record import StockRecord

IMAGES = ["1.jpg", "aisle/2.jpg", "3.png"]
ITEM = {"sku": "B01", "quantity": 2, "length": 8.5, "unit": "in", "weight": 0.25}
OTHER = {"sku": "B02", "quantity": 1}
COLUMNS = "image,sku,quantity,length,unit,weight\n"


def read(path: Path, images: list[str] = IMAGES) -> records.Records:
    return records.read(path, None, images)


@pytest.mark.parametrize(
    "content",
    [
        b"image,expected_quantity\n1.jpg,3\naisle/2.jpg,0\ngone.jpg,7\n",
        b"\xef\xbb\xbfimage,expected_quantity\r\n1.jpg,3\r\naisle\\2.jpg,0\r\n",
        b"Image;Expected_Quantity\r\n1.jpg;3\r\n./aisle/2.jpg; 0\r\n;\r\n",
        b"sep=;\r\nimage;expected_quantity;note\r\n1.jpg;3;x\r\naisle\\2.jpg;0;\r\n",
        "image\texpected_quantity\r\n1.jpg\t3\r\naisle/2.jpg\t0\r\n".encode("utf-16"),
    ],
    ids=["plain", "byte order mark", "semicolons", "sep", "utf-16"],
)
@pytest.mark.parametrize("option", [records.RECORDS, records.EXPECTED])
def test_quantities_are_read_as_they_were_written(
    tmp_path: Path, content: bytes, option: str
) -> None:
    (tmp_path / "r.csv").write_bytes(content)
    file, alone = tmp_path / "r.csv", option == records.EXPECTED
    found = records.read(None if alone else file, file if alone else None, IMAGES)
    assert found == {"1.jpg": StockRecord(None, 3), "aisle/2.jpg": StockRecord(None, 0)}


@pytest.mark.parametrize(
    "content",
    [
        f"{COLUMNS}1.jpg,B01,2,8.5,in,0.25\n3.png,B02,1\n1.jpg,B02,1,,,\n",
        f"{COLUMNS}1.jpg,B01,2,8.5,in,.25\n1.jpg,B02,1,,,\n3.png,B02,1\n".replace(",", ";")
        .replace("8.5", "8,5")
        .replace(".25", "0,25"),
    ],
    ids=["commas", "decimal commas"],
)
def test_each_row_is_an_item(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.csv").write_text(content)
    assert read(tmp_path / "r.csv") == {
        "1.jpg": StockRecord([ITEM, OTHER]),
        "3.png": StockRecord([OTHER]),
    }


def test_items_may_have_an_expected_quantity_beside_them(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(
        "image,expected_quantity,sku,quantity\n1.jpg,5,B02,1\n1.jpg,,B02,1\n3.png,4,,\n"
    )
    assert read(tmp_path / "r.csv") == {
        "1.jpg": StockRecord([OTHER, OTHER], 5),
        "3.png": StockRecord(None, 4),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,count\n1.jpg,3\n", "first line of .* must name .* expected_quantity, or image and"),
        ("expected_quantity\n3\n", "must name the columns image and"),
        ("", "must name the columns image and expected_quantity"),
        ("image,expected_quantity\n1.jpg,three\n", "line 2: expected_quantity is 'three'"),
        ("image,expected_quantity\n1.jpg,3.5\n", "line 2: expected_quantity is '3.5'; use a whole"),
        ("image,expected_quantity\n1.jpg,1000000000\n", "from 0 to 999999999"),
        ("image,expected_quantity\n1.jpg\n", "line 2: 1.jpg has neither expected_quantity nor"),
        ("image,expected_quantity\n1.jpg,3\n1.jpg,4\n", "line 3: 1.jpg is there twice, with 3 and"),
        (f"{COLUMNS}1.jpg,B01,2,8.5,in,\n1.jpg,B01,2,wide\n", "line 3: a size, weight or quantity"),
        (f"{COLUMNS}1.jpg,B01,2,8.5,feet,\n", "line 2: the unit of item 1 .* is 'feet'; allow"),
        (f"{COLUMNS}1.jpg,B01,0,8.5,in,\n", "line 2: item 1 .* quantity 0; give a whole number"),
        ("image,expected_quantity\nother.jpg,3\n", "names none of the images.* such as 1.jpg"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_explained(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(records.RecordsError, match=f"^--records: .*{message}"):
        read(tmp_path / "r.csv")


def test_a_table_that_is_not_in_utf_8_is_explained(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes("image,expected_quantity\ngrün.jpg,3\n".encode("cp1252"))
    with pytest.raises(records.RecordsError, match=r"r.csv is not in UTF-8 .*save it as a CSV"):
        read(tmp_path / "r.csv")


def test_an_expected_quantity_is_required_where_only_quantities_are_read(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("image,expected_quantity\n1.jpg\n")
    with pytest.raises(
        records.RecordsError, match=r"--expected: .*line 2: expected_quantity is ''"
    ):
        records.read(None, tmp_path / "r.csv", IMAGES)
    (tmp_path / "r.csv").write_text("image,quantity\n1.jpg,1\n")
    with pytest.raises(records.RecordsError, match=r"--expected: the first line .*quantity[.]$"):
        records.read(None, tmp_path / "r.csv", IMAGES)


def test_the_first_records_of_a_folder_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "aisle").mkdir()
    (tmp_path / "1.json").write_text("[]")
    assert read(tmp_path) == {"1.jpg": StockRecord([])}
    (tmp_path / "3.json").write_text("[{}]")
    (tmp_path / "aisle" / "2.json").write_bytes(b"\xff\xff")
    with pytest.raises(records.RecordsError) as caught:
        read(tmp_path)
    assert "2.json: the file is no JSON: it is not a text in UTF-8" in str(caught.value)
    assert "3.json: item 1 of the record has the quantity None" in str(caught.value)
