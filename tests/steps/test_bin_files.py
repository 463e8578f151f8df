"""What is a bin: the layouts, their names and ids, by names alone."""

import json

import pytest

import bin_files
import file_names
from bin_files import Bins, LayoutError

BOM = b"\xef\xbb\xbf"


def find(*names: str, **files: bytes) -> Bins:
    contents = {name.replace("_csv", ".csv"): content for name, content in files.items()}
    return bin_files.find([*names, *contents], lambda name: contents.get(name, b""))


def counts(found: Bins) -> dict[str, int | None]:
    return {identity: one.count for identity, one in found.files.items()}


@pytest.mark.parametrize(
    "name",
    ["._a.jpg", "3/._a.jpg", ".hidden/3/a.jpg", "3/Thumbs.db", "3/desktop.ini", "3/.DS_Store",
     "__MACOSX/3/a.jpg", "$RECYCLE.BIN/3/a.jpg"],
)  # fmt: skip
def test_hidden_files_and_what_systems_leave_are_never_bins(name: str) -> None:
    assert file_names.content_type(name) is None
    assert counts(find("3/good.jpg", name)) == {"good": 3}


@pytest.mark.parametrize("suffix", ["jpg", "JPG", "jpeg", "Jpeg", "png", "PNG"])
def test_pictures_are_known_by_their_suffix_in_any_case(suffix: str) -> None:
    assert counts(find(f"3/a.{suffix}")) == {"a": 3}
    found = find(f"bin-images/00001.{suffix}", "metadata/00001.JSON")
    assert found.files["00001"].image == f"bin-images/00001.{suffix}"


def test_a_number_names_the_count_wherever_the_folder_stands() -> None:
    found = find("train/03/a.jpg", "0/b.png", "17/shelf/c.jpg", "12/d.JPG")
    assert counts(found) == {"a": 3, "b": 0, "c": 17, "d": 12}
    assert found.words == "in folders named by their count"


def test_a_picture_whose_count_is_not_certain_is_no_bin() -> None:
    found = find("3/a.jpg", "2026/3/b.jpg", "six/c.jpg", "d.jpg")
    assert counts(found) == {"a": 3}
    assert {identity: flaw.reason for identity, flaw in found.flaws.items()} == {
        "b": "two-counts",
        "c": "no-count",
        "d": "no-count",
    }


def test_two_bins_never_share_an_id() -> None:
    same = ["3/a.jpg", "4/a.jpg", "4/A.png", "4/b/c.jpg", "4/b-c.jpg", "3/more/a.jpg"]
    found = find(*same)
    assert len({identity.casefold() for identity in found.files}) == len(same)
    assert {"3-a", "3-more-a"} <= found.files.keys()
    assert {one.image for one in found.files.values()} == set(same)
    assert find(*reversed(same)) == found
    assert not any("/" in identity or len(identity) > 120 for identity in found.files)
    assert len(next(iter(find(f"3/{'x' * 240}.jpg").files))) < 120


def test_abids_pairs_are_found_in_sub_folders_and_below_other_folders() -> None:
    found = find(
        "bin-images/00001.jpg", "metadata/00001.json",
        "bin-images/more/00002.jpg", "metadata/more/00002.json",
        "north/bin-images/00003.jpg", "north/metadata/00003.json",
        "README.md",
    )  # fmt: skip
    assert sorted(found.files) == ["00001", "00002", "00003"]
    assert found.files["00003"].record == "north/metadata/00003.json"
    found = find(*found.names, "bin-images/more/00001.jpg", "metadata/more/00001.json")
    assert sorted(found.files) == ["00001", "more-00001", "more-00002", "north-00003"]


def test_what_is_wrong_with_a_pair_is_told_by_its_true_cause() -> None:
    found = find(
        "bin-images/1.jpg", "metadata/1.json",
        "bin-images/2.jpg", "metadata/3.json", "bin-images/4.webp", "metadata/4.json",
        "bin-images/5.jpg", "bin-images/5.PNG", "metadata/5.json",
    )  # fmt: skip
    assert list(found.files) == ["1"]
    assert {identity: flaw.reason for identity, flaw in found.flaws.items()} == {
        "2": "no-metadata", "3": "no-image", "4": "no-image", "5": "two-images",
    }  # fmt: skip
    assert found.flaws["2"].detail == "no metadata/2.json for bin-images/2.jpg"
    assert "bin-images/4.webp" in found.flaws["4"].detail
    assert "bin-images/5.PNG and bin-images/5.jpg" in found.flaws["5"].detail
    assert "bin-images/2.jpg" in found.names  # so that Prepare reports it, too


@pytest.mark.parametrize(
    "content",
    [
        b"file,count\nphotos/a.JPG,3\nb.png,0\n",
        BOM + b"File;Count\r\nphotos\\a.JPG;3\r\n.\\b.png;0\r\n",
        "file\tcount\r\nphotos/a.jpg\t3\r\nB.PNG\t0\r\n".encode("utf-16"),
        b"sep=;\r\ncount;note;file\r\n3;x;C:\\data\\photos\\a.JPG\r\n0;;/home/ada/b.png\r\n",
        b'"file","count"\n"photos/a.JPG","03"\n"b.png"," 0 "\n\n',
    ],
    ids=["plain", "excel", "utf-16", "absolute-paths", "quoted"],
)
def test_a_table_is_read_as_people_and_windows_write_it(content: bytes) -> None:
    found = find("photos/a.JPG", "b.png", "c.jpg", bins_csv=content)
    assert counts(found) == {"a": 3, "b": 0}
    assert found.unused == ("c.jpg",)
    assert found.tables == ("bins.csv",)


def test_a_table_in_a_folder_names_pictures_beside_itself() -> None:
    contents = {"x/bins.csv": b"file,count\na.jpg,1\n", "y/bins.csv": b"file,count\na.jpg,2\n"}
    found = bin_files.find([*contents, "x/a.jpg", "y/a.jpg"], contents.__getitem__)
    assert counts(found) == {"x-a": 1, "y-a": 2}


def test_the_rows_of_one_file_are_its_items() -> None:
    content = (
        b"file,count,sku,quantity,length,width,height,unit,weight,weight_unit\n"
        b"a.jpg,3,B1,2,8.5,5,1.2,in,0.8,lb\na.jpg,,B2,1,,,,,,\nb.jpg,0,,,,,,,,\nc.jpg,2,,,,,,,,\n"
    )
    found = find("a.jpg", "b.jpg", "c.jpg", bins_csv=content)
    assert counts(found) == {"a": 3, "b": 0, "c": 2}
    assert found.files["a"].items == [
        {"sku": "B1", "quantity": 2, "length": 8.5, "width": 5.0, "height": 1.2, "unit": "in",
         "weight": 0.8, "weight_unit": "lb"},
        {"sku": "B2", "quantity": 1},
    ]  # fmt: skip
    assert found.files["b"].items == [] and found.files["c"].items is None


def test_a_comma_is_decimal_where_semicolons_separate() -> None:
    content = b"file;count;quantity;length\na.jpg;1;1;8,5\n"
    assert find("a.jpg", bins_csv=content).files["a"].items == [{"quantity": 1, "length": 8.5}]


def test_rows_that_cannot_be_used_are_told_with_their_line() -> None:
    content = (
        b"file,count,length\ngood.jpg,1,\nfew.jpg,2.5,\nnone.jpg,,\ntwo.jpg,1,\ntwo.jpg,2,\n"
        b"gone.jpg,1,\nlong.jpg,1,far\n"
    )
    pictures = [f"{name}.jpg" for name in ("good", "few", "none", "two", "long")]
    found = find(*pictures, bins_csv=content)
    assert counts(found) == {"good": 1}
    assert {identity: flaw.reason for identity, flaw in found.flaws.items()} == {
        "few": "bad-count", "none": "no-count", "two": "two-counts", "gone": "no-image",
        "long": "malformed-metadata",
    }  # fmt: skip
    assert "bins.csv, line 3: the count of few.jpg is '2.5'" in found.flaws["few"].detail


@pytest.mark.parametrize(
    ("names", "content", "words"),
    [
        ([], b"", "it is empty"),
        (["a.heic", "b.heic"], b"", "2 .heic files"),
        (["photos/a.jpg"], b"", "1 .jpg file in photos/"),
        (["photos/a.jpg"], b"name,number\na,1\n", "bins.csv has no columns file and count"),
        (["a.jpg"], b"file,count\nb.jpg,1\n", "line 2: there is no picture b.jpg"),
        (["a.jpg"], b"file,count\n", "has no row"),
        (["a.jpg"], b"file,count\n\xff.jpg,1\n", "bins.csv is not in UTF-8"),
        (["bin-images/1.jpg", "metadata/1.json"], b"file,count\n1.jpg,1\n", "it has both a table"),
        (["bin-images/1.jpg", "metadata/1.json", "3/2.jpg"], b"", "it mixes ABID's layout"),
    ],
    ids=["empty", "heic", "no-count", "other-columns", "gone", "no-row", "latin", "both", "mixed"],
)
def test_a_source_that_is_not_understood_is_refused_with_what_was_seen(
    names: list[str], content: bytes, words: str
) -> None:
    files = {"bins_csv": content} if content else {}
    with pytest.raises(LayoutError) as caught:
        find(*names, **files)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("listed", "identity"),
    [
        ("data/metadata/00001.json", "00001"),
        ("data\\metadata\\00001.json", "00001"),
        ("bin-images/00001.jpg", "00001"),
        ("00001", "00001"),
        ("./metadata/more/00002.json", "00002"),
        ("data/metadata/other/00001.json", None),
        ("metadata/00002.json", None),
        ("metadata/00009.json", None),
    ],
)
def test_a_file_list_names_abids_bins_by_path(listed: str, identity: str | None) -> None:
    found = find(
        "bin-images/00001.jpg", "metadata/00001.json",
        "bin-images/more/00002.jpg", "metadata/more/00002.json",
    )  # fmt: skip
    assert found.find(listed) == identity


def test_a_list_of_metadata_names_pictures_in_folders_by_count() -> None:
    found = find("3/00001.jpg", "4/00002.jpg")
    assert found.find("data/metadata/00002.json") == "00002"
    assert found.find("4/00002.jpg") == "00002"


def test_a_record_with_a_byte_order_mark_is_read() -> None:
    text = json.dumps({"EXPECTED_QUANTITY": 3}, indent=1).replace("\n", "\r\n")
    assert bin_files.read_record(BOM + text.encode())[0].quantity == 3
