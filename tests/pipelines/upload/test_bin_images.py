"""Upload: the bucket mirrors the folder, and only differences are sent."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.parameters import parse
from pipelines.settings.model import Settings
from pipelines.upload import objects
from pipelines.upload.bin_images import (
    UploadError,
    destination,
    upload_file_list,
    upload_folder,
    upload_local,
)


@pytest.fixture
def bucket(aws: Any, local: Settings) -> Any:
    """Create the bucket; the fixture is a function that returns the objects' contents by key."""
    s3 = aws.session.client("s3")
    s3.create_bucket(Bucket=local.bucket_name)

    def contents() -> dict[str, str]:
        listed = s3.list_objects_v2(Bucket=local.bucket_name).get("Contents", [])
        keys = [entry["Key"] for entry in listed]
        return {
            key: s3.get_object(Bucket=local.bucket_name, Key=key)["Body"].read().decode()
            for key in keys
        }

    return contents


def test_a_second_upload_sends_only_changes(
    aws: Any, local: Settings, bucket: Any, bins: Path
) -> None:
    reports: list[str] = []
    (bins / "notes.txt").write_text("not a bin")
    address = upload_folder(aws.session, local, bins, reports.append)
    prefix = address.split("/", 3)[3]
    assert address.startswith(f"s3://{local.bucket_name}/tally/data/bins-")
    assert bucket()[f"{prefix}bin-images/00001.jpg"] == "bin-images 1"
    assert len(bucket()) == 6

    assert upload_folder(aws.session, local, bins, reports.append) == address
    assert reports == [f"Uploaded 6 of 6 files of {bins} to {address}"]

    (bins / "metadata" / "00000.json").unlink()
    (bins / "metadata" / "00001.json").write_text("longer than before")
    same_size = bins / "metadata" / "00002.json"
    same_size.write_text("METADATA 2")
    os.utime(same_size, (time.time() + 5, time.time() + 5))
    upload_folder(aws.session, local, bins, reports.append)
    assert reports[1].startswith("Uploaded 2 of 5 files")
    assert f"{prefix}metadata/00000.json" not in bucket()
    assert bucket()[f"{prefix}metadata/00002.json"] == "METADATA 2"


def test_two_folders_of_the_same_name_get_two_addresses(local: Settings, tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "bins", tmp_path / "b" / "bins"
    assert destination(local, first) != destination(local, second)
    assert destination(local, first) == destination(local, first / ".." / "bins")


@pytest.mark.parametrize("name", ["bins (2) *", "ü" * 120, "list" * 50 + ".json"])
def test_every_address_is_allowed_as_a_parameter(
    on_aws: Settings, tmp_path: Path, name: str
) -> None:
    address = destination(on_aws, tmp_path / name)
    assert parse(on_aws, [f"DataSource={address}"]) == {"DataSource": address}
    assert address.endswith(".json") == name.endswith(".json")


def test_local_paths_become_addresses(
    aws: Any, local: Settings, bucket: Any, bins: Path, tmp_path: Path
) -> None:
    listing = tmp_path / "file_list.json"
    listing.write_text(json.dumps({"1": ["data/metadata/00000.json"]}))
    placed = upload_local(
        aws.session, local, {"DataSource": str(bins), "FileList": str(listing), "Seed": 1}
    )
    assert placed["Seed"] == 1
    assert placed["DataSource"] == destination(local, bins)
    assert placed["FileList"] == destination(local, listing)
    assert str(placed["FileList"]).endswith("/file_list.json")
    assert str(placed["FileList"]).split("/", 3)[3] in bucket()


def test_changed_images_get_another_version(
    aws: Any, local: Settings, bucket: Any, bins: Path
) -> None:
    def version(**more: str) -> object:
        return upload_local(aws.session, local, {"DataSource": str(bins), **more})["DataVersion"]

    before = version()
    changed = bins / "bin-images" / "00001.jpg"
    content = changed.read_bytes()
    changed.touch()
    assert version() == before  # only what is in the files counts
    changed.write_bytes(b"another photo")
    assert version() != before
    changed.write_bytes(content)
    assert version() == before
    (bins / "metadata" / "00009.json").write_text("{}")
    assert version() != before
    assert version(DataVersion="mine") == "mine"


def test_s3_addresses_are_not_changed(aws: Any, local: Settings) -> None:
    values = {"DataSource": "s3://elsewhere/bins", "FileList": "s3://elsewhere/list.json"}
    assert upload_local(aws.session, local, values) == values
    assert upload_local(aws.session, local, {}) == {}
    values["FileList"] = "none"  # whatever the settings name
    data = local.data.model_copy(update={"file_list": "nowhere.json"})
    assert upload_local(aws.session, local.model_copy(update={"data": data}), values) == values


def test_the_folder_of_the_settings_is_uploaded(
    aws: Any, local: Settings, bucket: Any, bins: Path
) -> None:
    data = local.data.model_copy(update={"source": str(bins)})
    settings = local.model_copy(update={"data": data})
    placed = upload_local(aws.session, settings, {})
    assert placed["DataSource"] == destination(settings, bins)
    assert placed.keys() == {"DataSource", "DataVersion"}


def test_a_missing_default_folder_says_how_to_draw_bins(
    aws: Any, local: Settings, tmp_path: Path
) -> None:
    data = local.data.model_copy(update={"source": str(tmp_path / "none")})
    with pytest.raises(UploadError, match=r"python -m demo\.bins"):
        upload_local(aws.session, local.model_copy(update={"data": data}), {})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param([], "does not exist", id="missing"),
        pytest.param(["."], "It has: nothing", id="empty"),
        pytest.param(["bin-images/1.jpg"], "has no metadata/*.json", id="half"),
        pytest.param(["bin-images/", "metadata/1.json"], "has no bin-images/*.jpg", id="no-images"),
        pytest.param(
            ["aft/bin-images/1.jpg", "aft/metadata/1.json"], "Did you mean", id="one-too-high"
        ),
        pytest.param(["cats/1.jpg"], "It has: cats/", id="another-layout"),
    ],
)
def test_a_folder_not_laid_out_like_abid_is_refused(
    aws: Any, local: Settings, tmp_path: Path, make: list[str], message: str
) -> None:
    folder = tmp_path / "source"
    for entry in make:
        path = folder / entry
        (path if entry.endswith(("/", ".")) else path.parent).mkdir(parents=True, exist_ok=True)
        if path.suffix in (".jpg", ".json"):
            path.write_text("x")
    with pytest.raises(UploadError) as caught:
        upload_folder(aws.session, local, folder)
    assert message in str(caught.value)
    assert "bin-images" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda file: file.mkdir(), "a folder"),
        (lambda file: file.symlink_to("/nowhere"), "a link to nothing"),
        (os.mkfifo, "not a regular file"),
        (lambda file: Path(os.fsdecode(bytes(file) + b"\xe9.jpg")).touch(), "not UTF-8"),
        (lambda file: file.with_name("odd.jpg\n.jpg").touch(), "a control character"),
    ],
    ids=["folder", "link", "pipe", "name", "control"],
)
def test_unreadable_files_are_named_before_anything_is_sent(
    aws: Any, local: Settings, bucket: Any, bins: Path, make: Any, message: str
) -> None:
    make(bins / "bin-images" / "odd.jpg")
    with pytest.raises(UploadError, match=message) as caught:
        upload_folder(aws.session, local, bins)
    assert "bin-images/odd.jpg" in str(caught.value)
    str(caught.value).encode()
    assert bucket() == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no file"), ("{", "not JSON"), ("[1]", "map each class"), ('{"1": 2}', "map each")],
    ids=["missing", "broken", "a-list", "not-lists"],
)
def test_a_malformed_file_list_is_refused(
    aws: Any, local: Settings, tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "list.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UploadError) as caught:
        upload_file_list(aws.session, local, file)
    assert message in str(caught.value)


def test_an_upload_without_a_bucket_fails(
    aws: Any, local: Settings, bins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no bucket."""
    with pytest.raises(Exception, match=r"(?i)bucket|not found"):
        upload_folder(aws.session, local, bins)
    assert objects.THREADS > 1
