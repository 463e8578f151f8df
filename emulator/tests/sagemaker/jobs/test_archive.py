import gzip
import io
import os
import re
import shutil
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import archive


@pytest.mark.parametrize("mode", ["r:gz", "r|gz"])
def test_archive_is_read_by_every_reader(tmp_path: Path, mode: Literal["r:gz", "r|gz"]) -> None:
    (tmp_path / "model/code").mkdir(parents=True)
    content = {"weights.pt": os.urandom(3 << 20), "code/a.py": b"x = 1\n" * 500_000, "empty": b""}
    for name, data in content.items():
        (tmp_path / "model" / name).write_bytes(data)
    packed = tmp_path / "model.tar.gz"
    archive.pack(tmp_path / "model", packed)
    with tarfile.open(packed, mode) as opened:
        read = {m.name: file.read() for m in opened if (file := opened.extractfile(m))}
    assert read == content
    assert gzip.decompress(packed.read_bytes())
    assert packed.stat().st_size < 3.3 * (1 << 20)
    archive.unpack(packed, tmp_path / "again")
    assert (tmp_path / "again/code/a.py").read_bytes() == content["code/a.py"]


def test_empty_folder_makes_an_archive(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    archive.pack(tmp_path / "model", tmp_path / "model.tar.gz")
    archive.unpack(tmp_path / "model.tar.gz", tmp_path / "again")
    assert list((tmp_path / "again").iterdir()) == []


Member = tuple[str, bytes, str, bytes]  # name, type, link, content
FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def pack(file: Path, *members: Member) -> Path:
    with tarfile.open(file, "w:gz") as opened:
        for name, kind, link, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, link, len(content)
            opened.addfile(member, io.BytesIO(content))
    return file


def tree(folder: Path) -> dict[str, str | bytes | None]:
    """What is in a folder: files with their content, links with their target."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else None
        if path.is_dir()
        else path.read_bytes()
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("kind", ["no archive", "plain tar", "cut short", "damaged", "bare gzip"])
def test_archive_that_is_not_whole_is_refused(tmp_path: Path, kind: str) -> None:
    members = (("1", FILE, "", os.urandom(70_000)), ("second", FILE, "", os.urandom(70_000)))
    packed = pack(tmp_path / "model.tar.gz", *members)
    whole = gzip.decompress(packed.read_bytes())
    second = whole.index(b"second\0\0\0")
    packed.write_bytes(
        {
            "no archive": b"hello",
            "plain tar": whole,
            "cut short": packed.read_bytes()[:50_000],
            # The header of the second member, which tarfile takes for the end.
            "damaged": gzip.compress(whole[:second] + b"?" + whole[second + 1 :]),
            "bare gzip": gzip.compress(b"x" * 2000),
        }[kind]
    )
    with pytest.raises(JobFailed, match=r"model\.tar\.gz could not be unpacked"):
        archive.unpack(packed, tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["model.tar.gz"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("../evil", FILE, "", b"x")], "names are relative and without '..'"),
        ([("a/../../evil", FILE, "", b"x")], "names are relative and without '..'"),
        ([("/tmp/evil", FILE, "", b"x")], "names are relative and without '..'"),
        ([("a", LINK, "/etc/passwd", b"")], "links are relative"),
        ([("d/a", LINK, "../../x", b"")], "leads out of the folder"),
        ([("a", LINK, "b/..", b""), ("b", LINK, "d", b"")], "through another link"),
        ([("p/q", LINK, "..", b""), ("a", LINK, "p/q/../../x", b"")], "through another link"),
        ([("a", LINK, "d", b""), ("a/evil", FILE, "", b"x")], "Is a directory"),
        ([("a", HARD, "../outside", b"")], "names are relative and without '..'"),
        ([("a", HARD, "/etc/passwd", b"")], "names are relative and without '..'"),
        ([("a", LINK, "b", b""), ("c", HARD, "a", b"")], "no file before it"),
        ([("a", tarfile.FIFOTYPE, "", b"")], "FIFO, a device"),
        ([("a", tarfile.CHRTYPE, "", b"")], "FIFO, a device"),
        ([("a", FILE, "", b"x"), ("a/b", FILE, "", b"x")], "could not be unpacked"),
        ([(".", FILE, "", b"x")], "no name"),
        ([("x" * 300, FILE, "", b"x")], "File name too long"),
        ([("nul\0x" + "x" * 100, FILE, "", b"x")], "could not be unpacked"),
    ],
)
def test_archive_that_leads_out_is_refused(
    tmp_path: Path, members: list[Member], reason: str
) -> None:
    (tmp_path / "outside").write_text("before")
    packed = pack(tmp_path / "model.tar.gz", ("d/first", FILE, "", b"1"), *members)
    with pytest.raises(JobFailed, match=re.escape(reason)):
        archive.unpack(packed, tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.tar.gz", "outside"]
    assert (tmp_path / "outside").read_text() == "before"


def test_links_that_realpath_cannot_follow_lead_nowhere(tmp_path: Path) -> None:
    """CVE-2025-4517: with `filter="data"` this archive writes to the file outside."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "flag").write_text("before")
    name, letters, path = "d" * 247, "abcdefghijklmnop", ""
    members: list[Member] = []
    for letter in letters:
        members += [(f"{path}{name}", FOLDER, "", b""), (f"{path}{letter}", LINK, name, b"")]
        path += f"{name}/"
    far = "/".join(letters) + "/" + "l" * 254
    members += [
        (far, LINK, "../" * len(letters), b""),
        ("escape", LINK, f"{far}/../../{outside.relative_to('/')}", b""),
        ("flag", HARD, "escape/flag", b""),
        ("flag", FILE, "", b"written through the links"),
    ]
    packed = pack(tmp_path / "model.tar.gz", *members)
    with pytest.raises(JobFailed, match="could not be unpacked"):
        archive.unpack(packed, tmp_path / "again")
    assert tree(outside) == {"flag": b"before"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.tar.gz", "outside"]


def test_links_that_stay_inside_are_kept(tmp_path: Path) -> None:
    members: list[Member] = [
        ("./snapshots/1/model.bin", LINK, "../../blobs/x", b""),
        ("./blobs/x", FILE, "", b"weights"),
        ("blobs/same", HARD, "blobs/x", b""),
        ("latest", LINK, "snapshots/1", b""),
        ("newest", LINK, "latest", b""),
        ("twice", FILE, "", b"first"),
        ("twice", FILE, "", b"second"),
    ]
    archive.unpack(pack(tmp_path / "model.tar.gz", *members), tmp_path / "again")
    assert tree(tmp_path / "again") == {
        "snapshots": None,
        "snapshots/1": None,
        "snapshots/1/model.bin": "../../blobs/x",
        "blobs": None,
        "blobs/x": b"weights",
        "blobs/same": b"weights",
        "latest": "snapshots/1",
        "newest": "latest",
        "twice": b"second",
    }
    assert (tmp_path / "again/newest/model.bin").read_bytes() == b"weights"


def test_bomb_is_refused_before_the_disk_is_full(tmp_path: Path) -> None:
    size = shutil.disk_usage(tmp_path).free + 1
    header = tarfile.TarInfo("zeros")
    header.size = size
    packed = tmp_path / "model.tar.gz"
    with gzip.open(packed, "wb", 1) as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(1 << 20))
    with pytest.raises(JobFailed, match=f"'zeros' has {size} bytes, for which the disk has no ro"):
        archive.unpack(packed, tmp_path / "again")


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (tarfile.XHDTYPE, 8 << 30),
        (tarfile.GNUTYPE_LONGNAME, 8 << 30),
        (FILE, -1),
        (FILE, -4096),
        (tarfile.XHDTYPE, -4096),
    ],
)
def test_header_of_a_wrong_size_is_refused(tmp_path: Path, kind: bytes, size: int) -> None:
    """Python's tarfile reads 8 GB into memory for the first two, and for ever for others."""
    header = tarfile.TarInfo("member")
    header.type = kind
    raw = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    raw[124:136] = (b"\x80" if size > 0 else b"\xff") + size.to_bytes(11, "big", signed=True)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    packed = tmp_path / "model.tar.gz"
    packed.write_bytes(gzip.compress(bytes(raw) + bytes(20_480)))
    with pytest.raises(JobFailed, match="could not be unpacked"):
        archive.unpack(packed, tmp_path / "again")


def test_unpacking_ends_where_it_is_stopped(tmp_path: Path) -> None:
    members: list[Member] = [(f"file-{i}", FILE, "", b"x") for i in range(10)]
    packed = pack(tmp_path / "model.tar.gz", *members)
    checks = iter(range(4))

    def check() -> None:
        if next(checks, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.unpack(packed, tmp_path / "again", check)
    assert [path.name for path in tmp_path.iterdir()] == ["model.tar.gz"]
