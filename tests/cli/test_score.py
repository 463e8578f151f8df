"""`score` as a person runs it, against an emulator whose model reads the count from the file."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import boto3
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
BUCKET = "tally-us-east-1-123456789012"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/counter:1"


class Shop:
    """An emulator, the command line, and clients of both."""

    def __init__(self, state: Path) -> None:
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PIPELINE_"))}
        self.environment = {**keep, "EMULATOR_STATE": str(state), "COLUMNS": "200"}
        self.state = state

    def emulator(self, *words: str) -> None:
        command = [sys.executable, "-m", "sagemaker_emulator", *words, "--state", str(self.state)]
        subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "pipeline.py", *map(str, words)]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60
        )

    def client(self, service: str):
        server = json.loads((self.state / "server.json").read_text())
        return boto3.client(
            service,
            endpoint_url=server["s3_url" if service == "s3" else "url"],
            region_name="us-east-1",
            aws_access_key_id="emulator",
            aws_secret_access_key="emulator",
        )

    def register(self, approval: str) -> None:
        s3 = self.client("s3")
        packed = io.BytesIO()
        tarfile.open(fileobj=packed, mode="w:gz").close()
        s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed.getvalue())
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        self.client("sagemaker").create_model_package(
            ModelPackageGroupName="tally",
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["image/jpeg", "image/png"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An emulator where only `setup` was done: no model version yet."""
    shop = Shop(tmp_path_factory.mktemp("score") / "state")
    shop.emulator("up", "--images", str(ROOT / "tests" / "cli" / "images"))
    try:
        done = shop.run("setup")
        assert done.returncode == 0, done.stderr
        yield shop
    finally:
        shop.emulator("down")


@pytest.fixture(scope="module")
def shop(bare, tmp_path_factory):
    """The same with three versions, of which the second is the newest approved one."""
    folder = tmp_path_factory.mktemp("nothing-approved")
    draw(folder / "1.jpg", 1)
    bare.register("PendingManualApproval")
    refused = bare.run("score", folder)
    assert refused.returncode == 1 and "No version of tally is approved" in refused.stderr
    bare.register("Approved")
    bare.register("PendingManualApproval")
    return bare


def draw(file: Path, count: int | None, sure: float = 0.8) -> None:
    """An image with a count behind its last byte, or with none: then the model refuses it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(file)
    if count is not None:
        with file.open("ab") as opened:
            opened.write(f"count={count} sure={sure}".encode())


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    draw(folder / "1.jpg", 3)
    draw(folder / "aisle 7" / "2.jpg", 5, sure=0.4)
    draw(folder / "aisle 7" / "deep" / "3.JPEG", 3)
    draw(folder / "4.png", 2, sure=0.9)
    (folder / "metadata.json").write_text("{}")
    return folder


def hear_ctrl_c() -> None:
    """Where the tests run in a shell's background, SIGINT is ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def rows(file: Path) -> dict[str, dict[str, str]]:
    with file.open(newline="") as opened:
        return {row["image"]: row for row in csv.DictReader(opened)}


def test_a_folder_becomes_a_csv_with_a_row_for_each_image(shop, photos, tmp_path):
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


def test_nothing_but_the_answers_is_left_unless_asked(shop, photos, tmp_path):
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


def test_images_that_cannot_be_counted_are_named_and_the_others_counted(shop, photos, tmp_path):
    draw(photos / "bad: very.jpg", None)
    (photos / "text.jpg").write_bytes(b"These are not pixels.")
    done = shop.run("score", photos, "--output", tmp_path / "out.csv", "--json")
    assert done.returncode == 1
    said = "the image is damaged or truncated; send it again"
    assert f"bad: very.jpg was not counted: {said}" in done.stderr
    assert "text.jpg was not counted: is neither a JPEG nor a PNG image" in done.stderr
    answered = json.loads(done.stdout)
    assert answered["images"] == 6 and len(answered["scores"]) == 4
    assert answered["counts"] == {"2": 1, "3": 2, "5": 1}
    assert set(answered["failures"]) == {"bad: very.jpg", "text.jpg"}
    row = rows(tmp_path / "out.csv")["bad: very.jpg"]
    assert (row["count"], row["p1"], row["error"]) == ("", "", said)


def test_a_wrong_name_does_not_change_what_an_image_is(shop, tmp_path):
    draw(tmp_path / "photos" / "drawn.png", 4)
    (tmp_path / "photos" / "drawn.png").rename(tmp_path / "photos" / "called.jpg")
    done = shop.run("score", tmp_path / "photos", "--output", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "out.csv")["called.jpg"]["count"] == "4"


def test_expected_quantities_are_judged_as_the_endpoint_judges(shop, photos, tmp_path):
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


def test_images_that_are_in_s3_already_are_counted_there(shop, photos, tmp_path):
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
    assert "holds 1 other objects (metadata/1.json)" in mixed.stderr


@pytest.mark.parametrize(
    ("words", "said"),
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
def test_what_cannot_be_counted_says_why_in_a_line(shop, photos, tmp_path, words, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "1.jpg").write_text("no pixels")
    (tmp_path / "record.csv").write_text("image,expected_quantity\nother.jpg,1\n")
    places = {
        "empty": tmp_path / "empty",
        "text": tmp_path / "text",
        "photos": photos,
        "record": tmp_path / "record.csv",
    }
    done = shop.run("score", *(word.format(**places) for word in words))
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1


def test_a_job_that_cannot_start_says_why_and_where_its_log_is(shop, photos, tmp_path):
    shop.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=b"no archive")
    try:
        done = shop.run("score", photos, "--output", tmp_path / "out.csv")
    finally:
        shop.register("PendingManualApproval")  # puts the archive back
    assert done.returncode == 1
    assert "failed: ClientError" in done.stderr
    assert "Its log: /aws/sagemaker/TransformJobs tally-score-v2-" in done.stderr
    assert not (tmp_path / "out.csv").exists()
    assert shop.client("sagemaker").list_models()["Models"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_job_and_clears_up(shop, photos, tmp_path, number):
    with (photos / "1.jpg").open("ab") as opened:
        opened.write(b"hang")
    command = [sys.executable, "pipeline.py", "score", str(photos), "-o", str(tmp_path / "out.csv")]
    watching = subprocess.Popen(
        command, cwd=ROOT, env=shop.environment, stderr=subprocess.PIPE, text=True,
        preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    line = watching.stderr.readline()
    assert "is InProgress" in line
    watching.send_signal(number)
    _, said = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert "the jobs are stopped and no file was written" in said

    job, sagemaker = line.split()[0], shop.client("sagemaker")
    deadline = time.monotonic() + 30
    while (found := sagemaker.describe_transform_job(TransformJobName=job))[
        "TransformJobStatus"
    ] != "Stopped":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert sagemaker.list_models()["Models"] == []
    assert not (tmp_path / "out.csv").exists()
