"""`score` as a person runs it, against an emulator whose model reads the count from the file."""

import csv
import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command_line import ROOT, CommandLine

BUCKET = "tally-us-east-1-123456789012"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/counter:1"


KINDS = ("image/jpeg", "image/png", "application/json")


def register(line: CommandLine, approval: str, kinds: Sequence[str] = KINDS) -> None:
    """Register a version of a model that is an empty archive."""
    packed = io.BytesIO()
    tarfile.open(fileobj=packed, mode="w:gz").close()
    line.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed.getvalue())
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    line.client("sagemaker").create_model_package(
        ModelPackageGroupName="tally",
        ModelApprovalStatus=approval,
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": kinds,
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """An emulator where only `setup` was done: no model version yet."""
    line = CommandLine(tmp_path_factory.mktemp("score") / "state")
    line.emulator("up", "--images", str(ROOT / "tests" / "cli" / "images"))
    try:
        done = line.run("setup")
        assert done.returncode == 0, done.stderr
        yield line
    finally:
        line.emulator("down")


@pytest.fixture(scope="module")
def shop(bare: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The same with three versions, of which the second is the newest approved one."""
    folder = tmp_path_factory.mktemp("nothing-approved")
    draw(folder / "1.jpg", 1)
    register(bare, "PendingManualApproval")
    refused = bare.run("score", folder)
    assert refused.returncode == 1 and "No version of tally is approved" in refused.stderr
    register(bare, "Approved")
    register(bare, "PendingManualApproval")
    return bare


def draw(file: Path, count: int | None, sure: float = 0.8) -> None:
    """An image with a count behind its last byte, or with none: then the model refuses it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(file)
    if count is not None:
        with file.open("ab") as opened:
            opened.write(f"count={count} sure={sure}".encode())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    draw(folder / "1.jpg", 3)
    draw(folder / "aisle 7" / "2.jpg", 5, sure=0.4)
    draw(folder / "aisle 7" / "deep" / "3.JPEG", 3)
    draw(folder / "4.png", 2, sure=0.9)
    (folder / "metadata.json").write_text("{}")
    return folder


def accept_ctrl_c() -> None:
    """Where the tests run in a shell's background, SIGINT is ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def rows(file: Path) -> dict[str, dict[str, str]]:
    with file.open(newline="") as opened:
        return {row["image"]: row for row in csv.DictReader(opened)}


def test_a_folder_becomes_a_csv_with_a_row_for_each_image(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    done = shop.run("score", photos, "--output", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path / "out.csv")
    assert {name: row["count"] for name, row in found.items()} == {
        "1.jpg": "3",
        "4.png": "2",
        "aisle 7/2.jpg": "5",
        "aisle 7/deep/3.JPEG": "3",
    }
    shares = [f"p{count}" for count in ("0", "1", "2", "3", "4", "5", "6+")]
    columns = ["image", "count", "confidence", "expected_count", *shares, "error"]
    assert list(found["1.jpg"]) == columns
    assert found["4.png"]["confidence"] == found["4.png"]["p2"] == "0.9"
    assert "Version 2 counted 4 of 4 images, 1 with low confidence" in done.stdout
    assert str(tmp_path / "out.csv") in done.stdout
    assert "Skipped, as not named .jpg, .jpeg, .png: metadata.json." in done.stderr


def test_only_the_answers_are_kept_without_keep(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    sagemaker, s3 = shop.client("sagemaker"), shop.client("s3")

    def left(job: str) -> list[str]:
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"tally/scores/{job}/")["Contents"]
        return sorted({entry["Key"].split("/")[3] for entry in found})

    def models() -> list[str]:
        return [model["ModelName"] for model in sagemaker.list_models()["Models"]]

    options = ("--json", "--output", tmp_path / "out.csv")
    jobs = json.loads(shop.run("score", photos, *options).stdout)["jobs"]
    assert [job.rpartition("-")[2] for job in jobs] == ["jpeg", "png"]
    assert [left(job) for job in jobs] == [["output"], ["output"]]
    assert models() == []

    kept = json.loads(shop.run("score", photos, "--keep", *options).stdout)["jobs"]
    assert [left(job) for job in kept] == [["input", "output"]] * 2
    assert models() == [kept[0].removesuffix("-jpeg")]
    sagemaker.delete_model(ModelName=models()[0])


def test_failed_images_are_reported_and_the_others_counted(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    draw(photos / "bad: very.jpg", None)
    (photos / "text.jpg").write_bytes(b"These are not pixels.")
    done = shop.run("score", photos, "--output", tmp_path / "out.csv", "--json")
    assert done.returncode == 1
    reason = "the image is damaged or truncated; send it again"
    assert f"bad: very.jpg was not counted: {reason}" in done.stderr
    assert "text.jpg was not counted: is neither a JPEG nor a PNG image" in done.stderr
    answered = json.loads(done.stdout)
    assert answered["images"] == 6 and len(answered["scores"]) == 4
    assert answered["counts"] == {"2": 1, "3": 2, "5": 1}
    assert set(answered["failures"]) == {"bad: very.jpg", "text.jpg"}
    row = rows(tmp_path / "out.csv")["bad: very.jpg"]
    assert (row["count"], row["p1"], row["error"]) == ("", "", reason)


def test_an_image_is_recognised_by_its_bytes_not_its_suffix(
    shop: CommandLine, tmp_path: Path
) -> None:
    draw(tmp_path / "photos" / "drawn.png", 4)
    (tmp_path / "photos" / "drawn.png").rename(tmp_path / "photos" / "called.jpg")
    done = shop.run("score", tmp_path / "photos", "--output", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "out.csv")["called.jpg"]["count"] == "4"


def judged(file: Path) -> list[tuple[str, str, str, str]]:
    """Image, verdict, match probability and expected quantity of each row, in order."""
    with file.open(newline="") as opened:
        return [
            (r["image"], r["verdict"], r["match_probability"], r["expected_quantity"])
            for r in csv.DictReader(opened)
        ]


def test_verdicts_are_the_models_own_and_the_most_suspicious_come_first(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    draw(photos / "5.jpg", 1, sure=0.4)
    draw(photos / "bad.jpg", None)
    draw(photos / "6.jpg", 6)
    record = tmp_path / "record.csv"
    record.write_text(
        "image,expected_quantity\n1.jpg,3\n4.png,1\n5.jpg,2\naisle 7/2.jpg,12\ngone.jpg,1\n"
        "bad.jpg,1\n"
    )
    done = shop.run("score", photos, "--expected", record, "-o", tmp_path / "out.csv")
    assert done.returncode == 1, "an image has no count"
    assert judged(tmp_path / "out.csv") == [
        ("4.png", "look", "0.408334", "1"),
        ("5.jpg", "look", "0.45", "2"),
        ("aisle 7/2.jpg", "cannot_judge", "", "12"),
        ("1.jpg", "pass", "0.8", "3"),
        ("6.jpg", "", "", ""),
        ("aisle 7/deep/3.JPEG", "", "", ""),
        ("bad.jpg", "", "", ""),
    ]
    found = rows(tmp_path / "out.csv")
    assert list(found["1.jpg"])[:5] == [
        "image", "verdict", "reason", "match_probability", "expected_quantity",
    ]  # fmt: skip
    assert found["6.jpg"]["count"] == "6+" and found["6.jpg"]["p6+"] == "0.8"
    assert "bad.jpg was not counted: the image is damaged" in done.stderr
    assert "Verdicts: 1 pass, 2 to look at, 1 that the model cannot judge." in done.stdout
    assert "0%" not in done.stdout.partition("look at")[2]


ITEMS = [{"sku": "B01", "quantity": 2, "length": 8.5}, {"sku": "B02", "quantity": 1}]


def test_records_in_a_folder_are_sent_with_their_images(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    """ABID's metadata and a list of items; an expected quantity counts before the record."""
    records = tmp_path / "metadata"
    (records / "aisle 7").mkdir(parents=True)
    (records / "1.json").write_text(json.dumps(ITEMS))
    (records / "aisle 7" / "2.json").write_text(
        json.dumps({"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": 4}), encoding="utf-8-sig"
    )
    options = ("--records", records, "-o", tmp_path / "out.csv")
    done = shop.run("score", photos, *options, "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert [job.rpartition("-")[2] for job in scores["jobs"]] == ["json", "jpeg", "png"]
    assert scores["verdicts"] == {"look": 1, "cannot_judge": 0, "pass": 1}
    assert judged(tmp_path / "out.csv") == [
        ("aisle 7/2.jpg", "look", "0.45", "4"),
        ("1.jpg", "pass", "0.8", "3"),
        ("4.png", "", "", ""),
        ("aisle 7/deep/3.JPEG", "", "", ""),
    ]
    assert "Skipped, as not named .jpg, .jpeg, .png: metadata.json." in done.stderr
    (photos / "1.json").write_text(json.dumps(ITEMS))
    done = shop.run("score", photos, "--records", photos, "-o", tmp_path / "beside.csv")
    assert "Skipped, as not named .jpg, .jpeg, .png: metadata.json." in done.stderr
    assert judged(tmp_path / "beside.csv")[0] == ("1.jpg", "pass", "0.8", "3")
    (tmp_path / "expected.csv").write_text("image;expected_quantity\n1.jpg;2\n4.png;2\n")
    done = shop.run("score", photos, *options, "--expected", tmp_path / "expected.csv")
    assert done.returncode == 0, done.stderr
    assert [row[1:] for row in judged(tmp_path / "out.csv")[:3]] == [
        ("look", "0.416667", "2"),
        ("look", "0.45", "4"),
        ("pass", "0.85", "2"),
    ]


def test_images_in_s3_are_sent_with_their_records(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    """A job reads all that is below its source, so here those without a record are sent, too."""
    for file in photos.rglob("*.jpg"):
        key = f"recorded/{file.relative_to(photos).as_posix()}"
        shop.client("s3").put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
    (tmp_path / "r.csv").write_text("image,sku,quantity,weight\n1.jpg,A,1,0.5\n1.jpg,B,2,\n")
    address = f"s3://{BUCKET}/recorded"
    done = shop.run("score", address, "--records", tmp_path / "r.csv", "-o", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    assert judged(tmp_path / "out.csv") == [
        ("1.jpg", "pass", "0.8", "3"),
        ("aisle 7/2.jpg", "", "", ""),
    ]


def test_an_image_that_no_transform_job_can_send_is_named_with_its_size(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    """5 MiB can be sent as they are, and not with a record: base64 is a third longer."""
    for name in ("1.jpg", "4.png"):
        with (photos / name).open("ab") as opened:
            opened.write(bytes(5 * 2**20))
    (tmp_path / "r.csv").write_text("image,expected_quantity\n1.jpg,3\n")
    done = shop.run("score", photos, "--expected", tmp_path / "r.csv", "-o", tmp_path / "out.csv")
    assert done.returncode == 1
    reason = rows(tmp_path / "out.csv")["1.jpg"]["error"]
    assert reason.startswith("it has 5.0 MiB, 6.7 MiB with its record in base64; a transform job ")
    assert rows(tmp_path / "out.csv")["4.png"]["count"] == "2"


def test_a_version_that_reads_no_records_is_refused_before_a_job(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    register(shop, "Approved", ["image/jpeg", "image/png"])
    try:
        (tmp_path / "r.csv").write_text("image,expected_quantity\n1.jpg,3\n")
        done = shop.run("score", photos, "--expected", tmp_path / "r.csv")
        assert done.returncode == 1
        assert "Version 4 was registered before models read stock records" in done.stderr
    finally:
        package = "arn:aws:sagemaker:us-east-1:123456789012:model-package/tally/4"
        shop.client("sagemaker").delete_model_package(ModelPackageName=package)


def test_images_in_s3_are_counted_without_an_upload(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    s3 = shop.client("s3")
    for file in photos.rglob("*.jpg"):
        key = f"shelf/photos/{file.relative_to(photos).as_posix()}"
        s3.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
    address = f"s3://{BUCKET}/shelf/photos"
    done = shop.run("score", address, "--version", "2", "--output", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    assert list(rows(tmp_path / "out.csv")) == ["1.jpg", "aisle 7/2.jpg"]
    assert len(s3.list_objects_v2(Bucket=BUCKET, Prefix="shelf/")["Contents"]) == 2

    s3.put_object(Bucket=BUCKET, Key="shelf/metadata/1.json", Body=b"{}")
    mixed = shop.run("score", f"s3://{BUCKET}/shelf")
    assert mixed.returncode == 1
    assert "holds 1 other object (metadata/1.json)" in mixed.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no-such-folder"], "There is no folder no-such-folder."),
        (["README.md"], "README.md is a file, not a folder."),
        (["{empty}"], "holds no image"),
        (["{text}"], "1.jpg: is neither a JPEG nor a PNG image"),
        (["{photos}", "--version", "9"], "has no version 9. It has 1, 2, 3."),
        (["{photos}", "--version", "3"], "Version 3 of tally is PendingManualApproval"),
        (["{photos}", "--version", "x"], "'x' is not a model version"),
        (["{photos}", "--output", "no/folder/a.csv"], "there is no folder no/folder"),
        (["{photos}", "--output", "/proc/a.csv"], "/proc/a.csv cannot be written"),
        (["s3://"], "names no bucket"),
        (["{photos}", "--expected", "none.csv"], "there is no file none.csv"),
        (["{photos}", "--expected", "{record}"], "names none of the images"),
        (["{photos}", "--records", "none"], "there is no file or folder none"),
        (["{photos}", "--records", "{empty}"], "has a record of none of the images"),
        (["{photos}", "--records", "{text}"], "1.json: the file is no JSON: Expecting value"),
        (["s3:///photos"], "names no bucket"),
        (["s3://no-such-bucket/photos"], "There is no bucket no-such-bucket"),
        ([f"s3://{BUCKET}/nothing/here"], "holds no image"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_refused_folder_or_option_is_explained_in_one_line(
    shop: CommandLine, photos: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "1.jpg").write_text("no pixels")
    (tmp_path / "text" / "1.json").write_text("no record")
    (tmp_path / "record.csv").write_text("image,expected_quantity\nother.jpg,1\n")
    paths = {name: tmp_path / name for name in ("empty", "text", "photos")}
    paths["record"] = tmp_path / "record.csv"
    done = shop.run("score", *(word.format(**paths) for word in words))
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1


def test_a_failed_job_is_reported_with_its_reason_and_log(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    shop.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=b"no archive")
    try:
        done = shop.run("score", photos, "--output", tmp_path / "out.csv")
    finally:
        register(shop, "PendingManualApproval")  # puts the archive back
    assert done.returncode == 1
    assert "failed: ClientError" in done.stderr
    assert "Its log: /aws/sagemaker/TransformJobs tally-score-v2-" in done.stderr
    assert not (tmp_path / "out.csv").exists()
    assert shop.client("sagemaker").list_models()["Models"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_job_and_deletes_its_model(
    shop: CommandLine, photos: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with (photos / "1.jpg").open("ab") as opened:
        opened.write(b"hang")
    command = [sys.executable, "pipeline.py", "score", str(photos), "-o", str(tmp_path / "out.csv")]
    watching = subprocess.Popen(
        command, cwd=ROOT, env=shop.environment, stderr=subprocess.PIPE, text=True,
        preexec_fn=accept_ctrl_c,
    )  # fmt: skip
    assert watching.stderr
    progress = watching.stderr.readline()
    assert "is InProgress" in progress
    watching.send_signal(number)
    _, message = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert "the jobs are stopped and no file was written" in message

    job, sagemaker = progress.split()[0], shop.client("sagemaker")
    deadline = time.monotonic() + 30
    while (found := sagemaker.describe_transform_job(TransformJobName=job))[
        "TransformJobStatus"
    ] != "Stopped":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert sagemaker.list_models()["Models"] == []
    assert not (tmp_path / "out.csv").exists()
