import os
from pathlib import Path

import pytest

from sagemaker_emulator.errors import JobFailed
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
def test_prefix_selects_objects_by_the_beginning_of_their_key(
    bucket: Path, uri: str, names: list[str]
) -> None:
    assert sorted(name for name, _ in s3_files.find(bucket, uri)) == sorted(names)


def test_job_cannot_change_the_bucket_through_its_input(bucket: Path, tmp_path: Path) -> None:
    assert s3_files.download(bucket, "s3://bucket/data/x/", tmp_path / "in") == 2
    (tmp_path / "in/1.jpg").write_text("changed")
    assert (bucket / "bucket/data/x/1.jpg").read_text() == "data/x/1.jpg"


def test_download_ends_where_it_is_stopped(bucket: Path, tmp_path: Path) -> None:
    checks = iter(range(1))

    def check() -> None:
        if next(checks, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        s3_files.download(bucket, "s3://bucket/data/", tmp_path / "in", check=check)
    assert sum(path.is_file() for path in (tmp_path / "in").rglob("*")) == 1


def test_empty_prefix_is_reported_in_the_words_of_aws(bucket: Path, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r'No S3 objects found under S3 URL "s3://bucket/none/"'):
        s3_files.download(bucket, "s3://bucket/none/", tmp_path / "in")


def test_upload_moves_files_and_replaces_objects(bucket: Path, tmp_path: Path) -> None:
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
        ("s3://bucket/../x", "between its slashes cannot be kept"),
        ("http://bucket/x", "is not an S3 URI"),
    ],
)
def test_upload_that_cannot_work_is_refused(
    bucket: Path, tmp_path: Path, uri: str, message: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/1").write_text("1")
    with pytest.raises(JobFailed, match=message):
        s3_files.upload(bucket, tmp_path / "out", uri)


def test_object_and_those_below_it_are_both_kept_but_no_folder_can_hold_both(
    bucket: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/1").write_text("1")
    s3_files.upload(bucket, tmp_path / "out", "s3://bucket/top.txt/x")
    names = [name for name, _ in s3_files.find(bucket, "s3://bucket/top")]
    assert names == ["top.txt", "top.txt/x/1"]
    with pytest.raises(JobFailed, match="one object's key is another's folder"):
        s3_files.download(bucket, "s3://bucket/top", tmp_path / "in")


def test_only_files_are_uploaded(bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out/pipe")
    (tmp_path / "out/gone").symlink_to("nothing")
    (tmp_path / "out/file").write_text("1")
    assert s3_files.upload(bucket, tmp_path / "out", "s3://bucket/out/") == 1
    assert [name for name, _ in s3_files.find(bucket, "s3://bucket/out/")] == ["file"]


def test_markers_of_folders_are_no_input(bucket: Path, tmp_path: Path) -> None:
    (bucket / "bucket/data/x/.s3~marker").touch()
    assert s3_files.download(bucket, "s3://bucket/data/x/", tmp_path / "in") == 2
    assert sorted(path.name for path in (tmp_path / "in").rglob("*")) == ["1.jpg", "2.jpg", "y"]
