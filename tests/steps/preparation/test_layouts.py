"""Each layout from the folder to Prepare's output, as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.steps.small_source import ROOT, photo

HEAD = "file,count,sku,quantity,length,width,height,unit,weight,weight_unit"
NUMBER = 36


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def count_of(number: int) -> int:
    return number % 3


def abid(source: Path) -> None:
    for number in range(NUMBER):
        name = f"{'more/' * (number % 2)}{number:05d}"
        suffix = (".jpg", ".JPG", ".Jpeg")[number % 3]
        write(source / f"bin-images/{name}{suffix}", photo(number, (40, 30)))
        size = {"unit": "IN", "value": 2 + number}
        item = {"asin": f"B{number}", "name": "x", "quantity": count_of(number), "length": size}
        record = {"BIN_FCSKU_DATA": {"k": item}, "EXPECTED_QUANTITY": count_of(number)}
        text = json.dumps(record, indent=1).replace("\n", "\r\n")
        write(source / f"metadata/{name}.json", b"\xef\xbb\xbf" + text.encode())


def folders(source: Path) -> None:
    for number in range(NUMBER):
        write(source / f"{count_of(number)}/photo {number // 3}.JPG", photo(number, (40, 30)))


def table(source: Path) -> None:
    rows = [HEAD.replace(",", ";")]
    for number in range(NUMBER):
        write(source / f"photos/{number}.jpg", photo(number, (40, 30)))
        count, size = count_of(number), f"{2 + number},5;1;1;cm"
        item = f"sku-{number};{count};{size};1;kg" if count else ";;;;;;;"
        rows.append(f"photos\\{number}.jpg;{count};{item}")
    write(source / "bins.csv", b"\xef\xbb\xbf" + "\r\n".join(rows).encode())


def companions(source: Path) -> None:
    """What Macs and Windows leave beside every file, and in archives."""
    for file in [file for file in source.rglob("*") if file.is_file()]:
        write(file.with_name(f"._{file.name}"), bytes(200))
        write(source / "__MACOSX" / file.relative_to(source), bytes(200))
    for folder in [source, *(f for f in source.rglob("*") if f.is_dir())]:
        for name in ("Thumbs.db", "desktop.ini", ".DS_Store"):
            write(folder / name, b"x")


def prepared(source: Path, root: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "steps/prepare.py"), "--source", str(source)]
    return subprocess.run(
        [*command, "--classes", "0-2", *more],
        env={**os.environ, "OPT_ML": str(root)},
        capture_output=True,
        text=True,
    )


def manifest(root: Path) -> Any:
    return json.loads((root / "processing/output/manifest/manifest.json").read_text())


def lines(root: Path, part: str) -> list[dict[str, Any]]:
    text = (root / f"processing/output/{part}/bins.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("layout", [abid, folders, table])
def test_each_layout_is_found_out_and_companions_are_never_bins(
    tmp_path: Path, layout: Any
) -> None:
    layout(tmp_path / "source")
    companions(tmp_path / "source")
    done = prepared(tmp_path / "source", tmp_path / "ml")
    assert done.returncode == 0, done.stderr
    found = manifest(tmp_path / "ml")
    assert found["quarantined"] == []
    assert len({image["id"] for image in found["images"]}) == NUMBER
    for part in ("train", "validation", "test"):
        files = {
            (file.stem, int(file.parent.name))
            for file in (tmp_path / "ml/processing/output" / part).glob("*/*.jpg")
        }
        described = lines(tmp_path / "ml", part)
        assert files == {(line["id"], line["count"]) for line in described} != set()
        assert not any(line["further"] for line in described)
    of_counts = [image["count"] for image in found["images"]]
    assert {count: of_counts.count(count) for count in range(3)} == dict.fromkeys(range(3), 12)


def test_bins_jsonl_holds_the_items_in_inches_and_pounds_and_no_name(tmp_path: Path) -> None:
    for name, layout in (("abid", abid), ("table", table), ("folders", folders)):
        layout(tmp_path / name)
        assert prepared(tmp_path / name, tmp_path / "ml" / name).returncode == 0
    described = {
        name: {line["id"]: line for line in lines(tmp_path / "ml" / name, "train")}
        for name in ("abid", "table", "folders")
    }
    for identity, line in described["abid"].items():
        length = 2 + int(identity)
        expected = {"quantity": line["count"], "length": length, "width": None, "height": None}
        assert line["items"] == [{**expected, "weight": None}]
    for identity, line in described["table"].items():
        if not line["count"]:
            assert line["items"] == []
            continue
        (item,) = line["items"]
        assert item["quantity"] == line["count"]
        assert item["length"] == pytest.approx((2.5 + int(identity)) / 2.54)
        assert item["weight"] == pytest.approx(2.20462)
    assert all(line["items"] is None for line in described["folders"].values())
    texts = [file.read_text() for file in (tmp_path / "ml").rglob("bins.jsonl")]
    assert len(texts) == 9
    assert not any(word in text for text in texts for word in ("sku", "asin", "name"))


def test_a_png_is_learnt_from_as_its_bytes_are(tmp_path: Path) -> None:
    folders(tmp_path / "source")
    picture = tmp_path / "source/1/drawn.PNG"
    Image.new("RGB", (30, 30), "red").save(picture, "PNG")
    assert prepared(tmp_path / "source", tmp_path / "ml").returncode == 0
    (stored,) = (tmp_path / "ml/processing/output").glob("*/1/*-drawn.jpg")
    assert stored.read_bytes() == picture.read_bytes()


def test_the_open_class_takes_every_greater_count(tmp_path: Path) -> None:
    for number in range(60):
        count = number % 10
        write(tmp_path / f"source/{count}/{number}.jpg", photo(number, (40, 30)))
    done = prepared(
        tmp_path / "source", tmp_path / "ml", "--classes", "0-3+", "--subset-size", "24"
    )
    assert done.returncode == 0, done.stderr
    found = manifest(tmp_path / "ml")
    totals = {
        name: sum(of_part[name] for of_part in found["counts"].values())
        for name in ("0", "1", "2", "3+")
    }
    assert totals == dict.fromkeys(("0", "1", "2", "3+"), 6)
    assert found["classes"] == "0-3+"
    stored = {int(f.parent.name) for f in (tmp_path / "ml/processing/output").glob("*/*/*.jpg")}
    assert max(stored) > 3  # a folder is named by the true count
    assert found["other_counts"] == {}


def test_a_file_list_may_name_the_open_class(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path / f"source/{number % 4}/{number}.jpg", photo(number, (40, 30)))
    listed = {
        "0": [f"0\\{n}.jpg" for n in range(0, 40, 4)],
        "1": [f"1/{n}.jpg" for n in range(1, 40, 4)],
        "2+": [f"{n % 4}/{n}.jpg" for n in range(40) if n % 4 > 1] + ["1/1.jpg"],
    }
    file = tmp_path / "list.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(listed).encode())
    given = ["--classes", "0-2+", "--file-list", str(file)]
    done = prepared(tmp_path / "source", tmp_path / "ml", *given)
    assert done.returncode == 0, done.stderr
    found = manifest(tmp_path / "ml")
    assert len(found["images"]) == 40
    assert found["disagreements"] == [{"id": "1", "listed": "2+", "count": 1}]


def heic(source: Path) -> None:
    for file in list(source.rglob("*.JPG")):
        file.rename(file.with_suffix(".heic"))


def mixed(source: Path) -> None:
    write(source / "metadata/1.json", b"{}")
    write(source / "bin-images/1.jpg", b"x")


def in_words(source: Path) -> None:
    for folder in list(source.iterdir()):
        folder.rename(folder.with_name(f"bins {folder.name}"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (heic, "12 .heic files in 0/"),
        (mixed, "it mixes ABID's layout"),
        (in_words, "12 .jpg files in bins 0/"),
    ],
)
def test_the_message_names_the_true_cause(tmp_path: Path, make: Any, words: str) -> None:
    folders(tmp_path / "source")
    make(tmp_path / "source")
    done = prepared(tmp_path / "source", tmp_path / "ml")
    assert done.returncode == 1
    message = (tmp_path / "ml/output/message").read_text()
    assert words in message and "3/photo.jpg" in message
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "ml/processing/output/manifest").exists()
