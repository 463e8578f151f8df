"""Upload: the bucket ends up holding what the folder holds, and only the difference is sent."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.parameters import parse
from pipelines.settings.model import Settings
from pipelines.upload import images
from pipelines.upload.images import UploadError, destination, place, upload_file_list, upload_folder


@pytest.fixture
def bucket(aws: Any, local: Settings) -> Any:
    """The empty bucket: a function that lists its objects' contents by key."""
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


def test_a_folder_is_uploaded_and_then_only_its_changes(
    aws: Any, local: Settings, bucket: Any, bins: Path
) -> None:
    said: list[str] = []
    (bins / "notes.txt").write_text("not a bin")
    address = upload_folder(aws.session, local, bins, said.append)
    prefix = address.split("/", 3)[3]
    assert address.startswith(f"s3://{local.bucket_name}/tally/data/bins-")
    assert bucket()[f"{prefix}bin-images/00001.jpg"] == "bin-images 1"
    assert len(bucket()) == 6

    assert upload_folder(aws.session, local, bins, said.append) == address
    assert said == [f"Uploaded 6 of 6 files of {bins} to {address}"]

    (bins / "metadata" / "00000.json").unlink()
    (bins / "metadata" / "00001.json").write_text("longer than before")
    same_size = bins / "metadata" / "00002.json"
    same_size.write_text("METADATA 2")
    os.utime(same_size, (time.time() + 5, time.time() + 5))
    upload_folder(aws.session, local, bins, said.append)
    assert said[1].startswith("Uploaded 2 of 5 files")
    assert f"{prefix}metadata/00000.json" not in bucket()
    assert bucket()[f"{prefix}metadata/00002.json"] == "METADATA 2"


def test_folders_of_one_name_get_their_own_address(local: Settings, tmp_path: Path) -> None:
    here, there = tmp_path / "a" / "bins", tmp_path / "b" / "bins"
    assert destination(local, here) != destination(local, there)
    assert destination(local, here) == destination(local, here / ".." / "bins")


@pytest.mark.parametrize("name", ["bins (2) *", "ü" * 120, "list" * 50 + ".json"])
def test_every_address_is_one_that_a_parameter_may_be(
    on_aws: Settings, tmp_path: Path, name: str
) -> None:
    address = destination(on_aws, tmp_path / name)
    assert parse(on_aws, [f"DataSource={address}"]) == {"DataSource": address}
    assert address.endswith(".json") == name.endswith(".json")


def test_local_values_become_addresses(
    aws: Any, local: Settings, bucket: Any, bins: Path, tmp_path: Path
) -> None:
    listing = tmp_path / "file_list.json"
    listing.write_text(json.dumps({"1": ["data/metadata/00000.json"]}))
    placed = place(
        aws.session, local, {"DataSource": str(bins), "FileList": str(listing), "Seed": 1}
    )
    assert placed["Seed"] == 1
    assert placed["DataSource"] == destination(local, bins)
    assert placed["FileList"] == destination(local, listing)
    assert str(placed["FileList"]).endswith("/file_list.json")
    assert str(placed["FileList"]).split("/", 3)[3] in bucket()


def test_changed_images_are_another_version(
    aws: Any, local: Settings, bucket: Any, bins: Path
) -> None:
    def version(**more: str) -> object:
        return place(aws.session, local, {"DataSource": str(bins), **more})["DataVersion"]

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


def test_addresses_stay_as_they_are(aws: Any, local: Settings) -> None:
    values = {"DataSource": "s3://elsewhere/bins", "FileList": "s3://elsewhere/list.json"}
    assert place(aws.session, local, values) == values
    assert place(aws.session, local, {}) == {}
    values["FileList"] = "none"  # whatever the settings name
    data = local.data.model_copy(update={"file_list": "nowhere.json"})
    assert place(aws.session, local.model_copy(update={"data": data}), values) == values


def test_the_settings_own_folder_is_uploaded_too(
    aws: Any, local: Settings, bucket: Any, bins: Path
) -> None:
    data = local.data.model_copy(update={"source": str(bins)})
    settings = local.model_copy(update={"data": data})
    placed = place(aws.session, settings, {})
    assert placed["DataSource"] == destination(settings, bins)
    assert placed.keys() == {"DataSource", "DataVersion"}


def test_a_missing_default_folder_says_how_to_draw_bins(
    aws: Any, local: Settings, tmp_path: Path
) -> None:
    data = local.data.model_copy(update={"source": str(tmp_path / "none")})
    with pytest.raises(UploadError, match=r"python -m demo\.bins"):
        place(aws.session, local.model_copy(update={"data": data}), {})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param([], "does not exist", id="missing"),
        pytest.param(["."], "Found there: nothing", id="empty"),
        pytest.param(["bin-images/1.jpg"], "nothing in metadata", id="half"),
        pytest.param(["bin-images/", "metadata/1.json"], "nothing in bin-images", id="no-images"),
        pytest.param(
            ["aft/bin-images/1.jpg", "aft/metadata/1.json"], "Did you mean", id="one-too-high"
        ),
        pytest.param(["cats/1.jpg"], "Found there: cats/", id="another-layout"),
    ],
)
def test_what_is_not_laid_out_like_abid_is_refused(
    aws: Any, local: Settings, tmp_path: Path, make: list[str], said: str
) -> None:
    folder = tmp_path / "given"
    for entry in make:
        path = folder / entry
        (path if entry.endswith(("/", ".")) else path.parent).mkdir(parents=True, exist_ok=True)
        if path.suffix in (".jpg", ".json"):
            path.write_text("x")
    with pytest.raises(UploadError) as caught:
        upload_folder(aws.session, local, folder)
    assert said in str(caught.value)
    assert "bin-images" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda file: file.mkdir(), "a folder"),
        (lambda file: file.symlink_to("/nowhere"), "a link to nothing"),
        (os.mkfifo, "no regular file"),
        (lambda file: Path(os.fsdecode(bytes(file) + b"\xe9.jpg")).touch(), "not UTF-8"),
        (lambda file: file.with_name("odd.jpg\n.jpg").touch(), "a control character"),
    ],
    ids=["folder", "link", "pipe", "name", "control"],
)
def test_what_cannot_be_sent_is_named_before_anything_is_sent(
    aws: Any, local: Settings, bucket: Any, bins: Path, make: Any, said: str
) -> None:
    make(bins / "bin-images" / "odd.jpg")
    with pytest.raises(UploadError, match=said) as caught:
        upload_folder(aws.session, local, bins)
    assert "bin-images/odd.jpg" in str(caught.value)
    str(caught.value).encode()
    assert bucket() == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no file"), ("{", "not JSON"), ("[1]", "map each class"), ('{"1": 2}', "map each")],
    ids=["missing", "broken", "a-list", "not-lists"],
)
def test_a_file_list_must_be_one(
    aws: Any, local: Settings, tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "list.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UploadError) as caught:
        upload_file_list(aws.session, local, file)
    assert said in str(caught.value)


def test_an_upload_that_fails_is_not_called_done(
    aws: Any, local: Settings, bins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no bucket."""
    with pytest.raises(Exception, match=r"(?i)bucket|not found"):
        upload_folder(aws.session, local, bins)
    assert images.THREADS > 1
