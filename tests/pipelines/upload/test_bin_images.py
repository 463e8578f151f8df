"""Upload: the bucket mirrors the folder, and only differences are sent."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.parameters import parse
from pipelines.settings.model import Settings
from pipelines.upload import bin_images, file_list, local_bins, objects
from pipelines.upload.bin_images import destination, upload_local
from pipelines.upload.errors import UploadError

CLASSES = {"Classes": "1-2"}  # those of the fixture `bins`


def upload_folder(
    aws: Any, settings: Settings, folder: Path, report: Any = lambda text: None
) -> str:
    found = local_bins.look(folder, "DataSource", settings)
    return bin_images.upload_folder(aws.session, settings, found, report)


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
    address = upload_folder(aws, local, bins, reports.append)
    prefix = address.split("/", 3)[3]
    assert address.startswith(f"s3://{local.bucket_name}/tally/data/bins-")
    assert bucket()[f"{prefix}bin-images/00001.jpg"] == "picture 1"
    assert len(bucket()) == 12

    assert upload_folder(aws, local, bins, reports.append) == address
    assert reports == [f"Uploaded 12 of 12 files of {bins} to {address}"]

    (bins / "metadata" / "00000.json").unlink()
    (bins / "metadata" / "00001.json").write_text("longer than before")
    same_size = bins / "metadata" / "00002.json"
    same_size.write_text(same_size.read_text().replace("1", "7"))
    os.utime(same_size, (time.time() + 5, time.time() + 5))
    upload_folder(aws, local, bins, reports.append)
    assert reports[1].startswith("Uploaded 2 of 11 files")
    assert f"{prefix}metadata/00000.json" not in bucket()
    assert '"EXPECTED_QUANTITY": 7' in bucket()[f"{prefix}metadata/00002.json"]


def test_files_of_odd_names_are_sent_once(
    aws: Any, local: Settings, bucket: Any, tmp_path: Path
) -> None:
    names = ["3/ü 7%.jpg", "3/a+b&c=d.JPG", "4/#1's (2).png", "4/%41.jpg", "4/e~[1].jpg"]
    for name in names:
        (tmp_path / "odd" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "odd" / name).write_text(name)
    reports: list[str] = []
    for _ in range(2):
        address = upload_folder(aws, local, tmp_path / "odd", reports.append)
    assert len(reports) == 1
    prefix = address.split("/", 3)[3]
    assert bucket() == {prefix + name: name for name in names}


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
    names = [f"data\\metadata\\0000{number}.json" for number in range(6)]
    listing.write_bytes(b"\xef\xbb\xbf" + json.dumps({"1": names[::2], "2": names[1::2]}).encode())
    given = {"DataSource": str(bins), "FileList": str(listing), "FurtherSource": str(bins)}
    placed = upload_local(aws.session, local, {**given, **CLASSES, "Seed": 1})
    assert placed["Seed"] == 1
    assert placed["FurtherSource"] == destination(local, bins)
    assert placed["DataSource"] == destination(local, bins)
    assert placed["FileList"] == destination(local, listing)
    assert str(placed["FileList"]).endswith("/file_list.json")
    assert str(placed["FileList"]).split("/", 3)[3] in bucket()


def test_changed_images_get_another_version(
    aws: Any, local: Settings, bucket: Any, bins: Path
) -> None:
    def version(**more: str) -> object:
        return upload_local(aws.session, local, {"DataSource": str(bins), **CLASSES, **more})[
            "DataVersion"
        ]

    before = version()
    changed = bins / "bin-images" / "00001.jpg"
    content = changed.read_bytes()
    changed.touch()
    assert version() == before  # only what is in the files counts
    changed.write_bytes(b"another photo")
    assert version() != before
    changed.write_bytes(content)
    assert version() == before
    (bins / "metadata" / "00002.json").write_text('{"EXPECTED_QUANTITY": 1}')
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
    placed = upload_local(aws.session, settings, CLASSES)
    assert placed["DataSource"] == destination(settings, bins)
    assert placed.keys() == {"DataSource", "DataVersion", "Classes"}


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
        pytest.param(["."], "it is empty", id="empty"),
        pytest.param(["bin-images/1.jpg"], "1 .jpg file in bin-images/", id="half"),
        pytest.param(["bin-images/", "metadata/1.json"], "0 pictures in bin-images/", id="records"),
        pytest.param(["bin-images/1.heic", "metadata/1.json"], "1 .heic file", id="other-pictures"),
        pytest.param(["bin-images/1.jpg", "metadata/2.json"], "no two of one name", id="no-pair"),
        pytest.param(["cats/1.jpg"], "1 .jpg file in cats/", id="another-layout"),
        pytest.param(["2026/11/1.jpg"], "two or more folders named by a number", id="dates"),
        pytest.param(["bin-images/1.jpg", "metadata/1.json", "3/2.jpg"], "it mixes", id="mixed"),
        pytest.param(
            ["._1.jpg", "3/._1.jpg", "Thumbs.db", ".git/3/1.jpg"], "hidden files only", id="hidden"
        ),
        pytest.param(
            [f"{n}/{p}" for n in "ab" for p in ("bin-images/1.jpg", "metadata/1.json")],
            "perhaps one set of bins twice",
            id="two-sets",
        ),
    ],
)
def test_a_folder_that_cannot_be_understood_is_refused_with_what_was_seen_and_is_allowed(
    aws: Any, local: Settings, tmp_path: Path, make: list[str], message: str
) -> None:
    folder = tmp_path / "source"
    for entry in make:
        path = folder / entry
        (path if entry.endswith(("/", ".")) else path.parent).mkdir(parents=True, exist_ok=True)
        if not entry.endswith(("/", ".")):
            path.write_text("x")
    with pytest.raises(UploadError) as caught:
        upload_folder(aws, local, folder)
    assert message in str(caught.value)
    assert "bin-images/ID.jpg" in str(caught.value) and "3/photo.jpg" in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("make", "sent"),
    [
        (["3/a.JPG", "3/._a.JPG", "4/more/b.png", "4/Thumbs.db", "notes.txt"],
         ["3/a.JPG", "4/more/b.png"]),
        (["north/bin-images/1.jpeg", "north/metadata/1.JSON", "__MACOSX/bin-images/1.jpg"],
         ["north/bin-images/1.jpeg", "north/metadata/1.JSON"]),
        (["photos/a.jpg", "photos/b.jpg", "bins.csv", "other.csv"],
         ["bins.csv", "photos/a.jpg"]),
    ],
    ids=["folders", "abid", "table"],
)  # fmt: skip
def test_the_bins_of_each_layout_are_uploaded_and_nothing_else(
    aws: Any, local: Settings, bucket: Any, tmp_path: Path, make: list[str], sent: list[str]
) -> None:
    folder = tmp_path / "source"
    for name in make:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    if (folder / "bins.csv").exists():
        (folder / "bins.csv").write_bytes(b"\xef\xbb\xbffile;count\r\nphotos\\a.jpg;3\r\n")
    address = upload_folder(aws, local, folder)
    prefix = address.split("/", 3)[3]
    assert sorted(key.removeprefix(prefix) for key in bucket()) == sent


@pytest.mark.parametrize("layout", ["abid", "folders"])
def test_classes_without_bins_are_refused_before_anything_is_sent(
    aws: Any, local: Settings, bucket: Any, bins: Path, tmp_path: Path, layout: str
) -> None:
    if layout == "folders":
        bins = tmp_path / "folders"
        for name in ("1/a.jpg", "1/b.jpg", "1/c.jpg", "2/d.jpg", "2/e.jpg", "2/f.jpg"):
            (bins / name).parent.mkdir(parents=True, exist_ok=True)
            (bins / name).write_text("x")
    with pytest.raises(
        UploadError, match=r"bins that hold 3 or 4 or more\. Bins .* 2: 3\. .*=1-2\)"
    ):
        upload_local(aws.session, local, {"DataSource": str(bins), "Classes": "1-4+"})
    assert bucket() == {}
    upload_local(aws.session, local, {"DataSource": str(bins), "Classes": "1-2+"})
    assert bucket()


def test_too_many_bins_with_a_flaw_are_refused_before_anything_is_sent(
    aws: Any, local: Settings, bucket: Any, bins: Path
) -> None:
    given = {"DataSource": str(bins), **CLASSES}
    for number in range(2):
        (bins / f"bin-images/0001{number}.jpg").write_text("without a record")
    message = r"2 of the 8 bins .* at most 10% .*\n  no-metadata: no metadata/00010\.json"
    with pytest.raises(UploadError, match=message):
        upload_local(aws.session, local, given)
    assert bucket() == {}


def test_a_list_of_other_bins_is_refused(
    aws: Any, local: Settings, bucket: Any, bins: Path, tmp_path: Path
) -> None:
    listing = tmp_path / "list.json"
    listing.write_text(json.dumps({"1": ["data/metadata/70000.json"]}))
    given = {"DataSource": str(bins), "FileList": str(listing), **CLASSES}
    with pytest.raises(UploadError, match="names none of the bins"):
        upload_local(aws.session, local, given)
    listing.write_text(json.dumps({"1": ["data/metadata/00000.json"]}))
    with pytest.raises(
        UploadError, match=r"among those of the file list\. Bins by count: 1: 1\. Add"
    ):
        upload_local(aws.session, local, given)
    assert bucket() == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda file: file.symlink_to("/nowhere"), "a link to nothing"),
        (os.mkfifo, "not a regular file"),
        (lambda file: Path(os.fsdecode(bytes(file) + b"\xe9.jpg")).touch(), "not UTF-8"),
        (lambda file: file.with_name("odd.jpg\n.jpg").touch(), "a control character"),
    ],
    ids=["link", "pipe", "name", "control"],
)
def test_unreadable_files_are_named_before_anything_is_sent(
    aws: Any, local: Settings, bucket: Any, bins: Path, make: Any, message: str
) -> None:
    make(bins / "bin-images" / "odd.jpg")
    with pytest.raises(UploadError, match=message) as caught:
        upload_folder(aws, local, bins)
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
        file_list.read(file)
    assert message in str(caught.value)


def test_an_upload_without_a_bucket_fails(
    aws: Any, local: Settings, bins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no bucket."""
    with pytest.raises(Exception, match=r"(?i)bucket|not found"):
        upload_folder(aws, local, bins)
    assert objects.THREADS > 1
