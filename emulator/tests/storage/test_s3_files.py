import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import archive
from sagemaker_emulator.storage import s3_files


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    for key in ("data/x/1.jpg", "data/x/y/2.jpg", "data/x.csv", "data/xy/3.jpg", "top.txt"):
        file = tmp_path / "s3/bucket" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(key)
    return tmp_path / "s3"


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("s3://bucket/data/x/", ["1.jpg", "y/2.jpg"]),
        ("s3://bucket/data/x", ["1.jpg", "y/2.jpg", "x.csv", "xy/3.jpg"]),
        ("s3://bucket/data/x.csv", ["x.csv"]),
        ("s3://bucket/data/x/1", ["1.jpg"]),
        ("s3://bucket/da", ["data/x/1.jpg", "data/x/y/2.jpg", "data/x.csv", "data/xy/3.jpg"]),
        (
            "s3://bucket",
            ["data/x/1.jpg", "data/x/y/2.jpg", "data/x.csv", "data/xy/3.jpg", "top.txt"],
        ),
        ("https://bucket.s3.us-east-1.amazonaws.com/data/x/", ["1.jpg", "y/2.jpg"]),
        ("https://bucket.s3-us-east-1.amazonaws.com/data/x/1", ["1.jpg"]),
        ("https://bucket.s3.amazonaws.com/top.txt", ["top.txt"]),
        ("s3://bucket/other/", []),
        ("s3://bucket/top.txt/", []),
        ("s3://other/data/", []),
    ],
)
def test_a_prefix_is_a_key_prefix(bucket: Path, uri: str, names: list[str]) -> None:
    assert sorted(name for name, _ in s3_files.find(bucket, uri)) == sorted(names)


def test_a_job_cannot_change_the_bucket_through_its_input(bucket: Path, tmp_path: Path) -> None:
    assert s3_files.download(bucket, "s3://bucket/data/x/", tmp_path / "in") == 2
    (tmp_path / "in/1.jpg").write_text("changed")
    assert (bucket / "bucket/data/x/1.jpg").read_text() == "data/x/1.jpg"


def test_nothing_under_a_prefix_is_said_as_aws_says_it(bucket: Path, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r'No S3 objects found under S3 URL "s3://bucket/none/"'):
        s3_files.download(bucket, "s3://bucket/none/", tmp_path / "in")


def test_upload_moves_and_replaces(bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "out/a").mkdir(parents=True)
    (tmp_path / "out/a/1.jpg").write_text("new")
    (tmp_path / "out/link").symlink_to(tmp_path / "out/a/1.jpg")
    (tmp_path / "out/a/2.jpg").write_text("two")
    assert s3_files.upload(bucket, tmp_path / "out", "s3://bucket/data/x/") == 3
    assert (bucket / "bucket/data/x/a/1.jpg").read_text() == "new"
    assert not (bucket / "bucket/data/x/link").is_symlink()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://other/x", "bucket 'other' does not exist"),
        ("s3://bucket/top.txt/x", "Failed to upload"),
        ("http://bucket/x", "is not an S3 URI"),
    ],
)
def test_upload_says_what_is_wrong(bucket: Path, tmp_path: Path, uri: str, message: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/1").write_text("1")
    with pytest.raises(JobFailed, match=message):
        s3_files.upload(bucket, tmp_path / "out", uri)


@pytest.mark.parametrize("mode", ["r:gz", "r|gz"])
def test_an_archive_is_read_by_every_reader(tmp_path: Path, mode: str) -> None:
    (tmp_path / "model/code").mkdir(parents=True)
    content = {"weights.pt": os.urandom(3 << 20), "code/a.py": b"x = 1\n" * 500_000, "empty": b""}
    for name, data in content.items():
        (tmp_path / "model" / name).write_bytes(data)
    packed = tmp_path / "model.tar.gz"
    archive.pack(tmp_path / "model", packed)
    with tarfile.open(packed, mode) as opened:
        read = {m.name: opened.extractfile(m).read() for m in opened if m.isfile()}
    assert read == content
    assert gzip.decompress(packed.read_bytes())
    assert packed.stat().st_size < 3.3 * (1 << 20)
    archive.unpack(packed, tmp_path / "again")
    assert (tmp_path / "again/code/a.py").read_bytes() == content["code/a.py"]


def test_an_empty_folder_makes_an_archive(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    archive.pack(tmp_path / "model", tmp_path / "model.tar.gz")
    archive.unpack(tmp_path / "model.tar.gz", tmp_path / "again")
    assert list((tmp_path / "again").iterdir()) == []


@pytest.mark.parametrize("kind", ["outside", "absolute link", "no archive", "cut short"])
def test_a_bad_archive_is_refused(tmp_path: Path, kind: str) -> None:
    packed = tmp_path / "model.tar.gz"
    if kind == "no archive":
        packed.write_text("hello")
    else:
        with tarfile.open(packed, "w:gz") as opened:
            member = tarfile.TarInfo("../evil" if kind == "outside" else "file")
            data = os.urandom(100_000)
            member.size = len(data)
            if kind == "absolute link":
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
            opened.addfile(member, io.BytesIO(data))
        if kind == "cut short":
            packed.write_bytes(packed.read_bytes()[:50_000])
    with pytest.raises(JobFailed, match=r"model\.tar\.gz could not be unpacked"):
        archive.unpack(packed, tmp_path / "again")
    assert not (tmp_path / "evil").exists()
