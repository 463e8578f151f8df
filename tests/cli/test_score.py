"""`score` as a person runs it, against an emulator whose model reads the count from the file."""

import csv
import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command_line import ROOT, CommandLine

BUCKET = "tally-us-east-1-123456789012"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/counter:1"


def register(line: CommandLine, approval: str) -> None:
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
            "SupportedContentTypes": ["image/jpeg", "image/png"],
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
    columns = ["image", "count", "confidence", "expected_count", "p1", "p2", "p3", "p4", "p5"]
    assert list(found["1.jpg"]) == [*columns, "error"]
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


def test_expected_quantities_are_compared_as_the_endpoint_compares(
    shop: CommandLine, photos: Path, tmp_path: Path
) -> None:
    record = tmp_path / "record.csv"
    record.write_text("image,expected_quantity\n1.jpg,3\n4.png,1\naisle 7/2.jpg,12\ngone.jpg,1\n")
    done = shop.run("score", photos, "--expected", record, "-o", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path / "out.csv")
    judged = {n: (row["match"], row["match_confidence"]) for n, row in found.items()}
    assert judged == {
        "1.jpg": ("true", "0.8"),
        "4.png": ("false", "0.975"),
        "aisle 7/2.jpg": ("false", "0.0"),
        "aisle 7/deep/3.JPEG": ("", ""),
    }
    assert "2 of 3 do not match the stock record" in done.stdout


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
