"""What is read of an upload, and what a hostile or careless ZIP file cannot do."""

import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from desk import upload
from desk.upload import Entry, Uploaded, UploadError

PHOTO = b"\xff\xd8\xff photo"


def packed(folder: Path, files: Mapping[str, bytes], name: str = "photos.zip") -> Uploaded:
    path = folder / "upload"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, body in files.items():
            file.writestr(entry, body)
    return Uploaded(name, path)


def test_a_zip_gives_its_photos_and_tables(tmp_path: Path) -> None:
    files = {"a/1.jpg": PHOTO, "a/2.PNG": b"2", "a/records.csv": b"image\n", "a/notes.txt": b""}
    entries = list(upload.read([packed(tmp_path, files)]))
    assert entries == [
        Entry("a/1.jpg", PHOTO), Entry("a/2.PNG", b"2"), Entry("a/records.csv", b"image\n"),
    ]  # fmt: skip
    assert [entry.is_table for entry in entries] == [False, False, True]


def test_a_folder_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(PHOTO)
    assert list(upload.read([Uploaded("shift 7/1.jpg", tmp_path / "0")])) == [
        Entry("shift 7/1.jpg", PHOTO)
    ]


def test_what_a_computer_leaves_beside_photos_is_left_out(tmp_path: Path) -> None:
    files = {
        "._1.jpg": bytes(200), "__MACOSX/a/._1.jpg": bytes(200), "a/.DS_Store": b"", "1.jpg": PHOTO,
        "a/Thumbs.db": b"", "__MACOSX/1.jpg": b"", "a/": b"",
    }  # fmt: skip
    assert [entry.name for entry in upload.read([packed(tmp_path, files)])] == ["1.jpg"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("../../evil.jpg", "evil.jpg"),
        ("/etc/evil.jpg", "etc/evil.jpg"),
        ("..\\..\\evil.jpg", "evil.jpg"),
        ("C:\\photos\\evil.jpg", "photos/evil.jpg"),
        ("a/./b//evil.jpg", "a/b/evil.jpg"),
        ("a\n\x1b[2J.jpg", "a[2J.jpg"),
        (f"{'x' * 300}.jpg", f"{'x' * 196}.jpg"),
    ],
)
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str, label: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    assert [entry.name for entry in upload.read([packed(folder, {name: PHOTO})])] == [label]
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "upload"]


def test_a_link_in_a_zip_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    with zipfile.ZipFile(path, "w") as file:
        link = zipfile.ZipInfo("1.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    assert list(upload.read([Uploaded("a.zip", path)])) == [Entry("1.jpg", b"/etc/passwd")]


def test_a_photo_that_unpacks_to_too_much_is_named_and_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MAX_PHOTO_BYTES", 2**20)
    bomb, photo = upload.read([packed(tmp_path, {"bomb.jpg": bytes(2**21), "1.jpg": PHOTO})])
    assert bomb == Entry("bomb.jpg", b"", "It has more than 1 MB. Save it smaller.")
    assert photo.body == PHOTO


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_PHOTOS", 2, "more than 2 photos"),
        ("MAX_ENTRIES", 2, "more than 2 files"),
        ("MAX_UNPACKED_BYTES", 20, "Divide them into several shifts"),
    ],
)
def test_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    monkeypatch.setattr(upload, limit, value)
    with pytest.raises(UploadError, match=message):
        list(upload.read([packed(tmp_path, {f"{n}.jpg": PHOTO for n in range(3)})]))


def test_no_zip_is_an_error_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UploadError, match=r"shift\.zip cannot be opened"):
        list(upload.read([Uploaded("shift.zip", path)]))


def test_a_damaged_photo_costs_the_others_nothing(tmp_path: Path) -> None:
    file = packed(tmp_path, {"1.jpg": PHOTO * 99, "2.jpg": PHOTO})
    body = bytearray(file.path.read_bytes())
    body[40:50] = bytes(10)
    file.path.write_bytes(body)
    damaged, good = upload.read([file])
    assert damaged.problem == "It is damaged in the ZIP file. Make the ZIP file again."
    assert good.body == PHOTO


def test_a_photo_behind_a_password_is_named(tmp_path: Path) -> None:
    file = packed(tmp_path, {"1.jpg": PHOTO})
    body = bytearray(file.path.read_bytes())
    directory = body.index(b"PK\x01\x02")
    for flags in (6, directory + 8):
        struct.pack_into("<H", body, flags, struct.unpack_from("<H", body, flags)[0] | 1)
    file.path.write_bytes(body)
    (entry,) = upload.read([file])
    assert entry.problem.startswith("A password protects this file.")


def test_a_packing_that_is_not_known_is_named(tmp_path: Path) -> None:
    file = packed(tmp_path, {"1.jpg": PHOTO})
    body = bytearray(file.path.read_bytes())
    for at in (8, body.index(b"PK\x01\x02") + 10):
        struct.pack_into("<H", body, at, 99)
    file.path.write_bytes(body)
    (entry,) = upload.read([file])
    assert entry.problem.startswith("It is packed in a way that cannot be read.")


def test_a_lie_about_a_size_is_found(tmp_path: Path) -> None:
    """The directory states 3 bytes; what is there is longer."""
    file = packed(tmp_path, {"1.jpg": PHOTO * 1000})
    body = bytearray(file.path.read_bytes())
    struct.pack_into("<I", body, body.index(b"PK\x01\x02") + 24, 3)
    file.path.write_bytes(body)
    (entry,) = upload.read([file])
    assert entry.problem or len(entry.body) <= 3


def test_a_zip_without_a_suffix_is_known_by_its_bytes(tmp_path: Path) -> None:
    assert len(list(upload.read([packed(tmp_path, {"1.jpg": PHOTO}, "download")]))) == 1


def test_the_folder_of_all_is_found() -> None:
    assert upload.common_folder(["a/1.jpg", "a/b/2.jpg"]) == "a/"
    assert upload.common_folder(["a/1.jpg", "2.jpg"]) == ""
    assert upload.common_folder(["a/1.jpg", "b/2.jpg"]) == ""


def test_photos_are_read_one_at_a_time(tmp_path: Path) -> None:
    files = {f"{number}.jpg": bytes([number]) * 1000 for number in range(5)}
    entries = upload.read([packed(tmp_path, files)])
    assert next(iter(entries)).body == bytes(1000)
    assert next(iter(entries)).body == bytes([1]) * 1000
