"""The whole pipeline on drawn bins, as a person runs it: from images to a serving endpoint.

The tests of this file run in order and share one emulator: each continues after the one before.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
from granted import UNRECORDED, granted, recorded
from other_answers import with_other_answers
from workplace import ROOT, TINY, Workplace

import sagemaker_emulator

STEPS = [
    "Prepare",
    "Tune",
    "Train",
    "Evaluate",
    "CheckAccuracy",
    "Register",
    "Deploy",
    "AccuracyTooLow",
]


def statuses(status: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in status["steps"]}


def whole_jpegs(workplace: Workplace) -> list[Path]:
    return [
        path
        for path in sorted((workplace.bins / "bin-images").glob("*.jpg"))
        if path.read_bytes()[-2:] == b"\xff\xd9"
    ]


def a_jpeg(workplace: Workplace) -> Path:
    return whole_jpegs(workplace)[0]


def serving(workplace: Workplace) -> list[int]:
    return [model["version"] for model in workplace.models() if model["serving"]]


def test_start_before_upsert_names_the_command_to_run(workplace: Workplace) -> None:
    refused = workplace.run("start", check=1)
    assert "pipeline.py upsert" in refused.stderr


def test_the_tour_without_data_names_the_commands_to_run(workplace: Workplace) -> None:
    shown = workplace.notebook("tour.ipynb")
    for command in ("pipeline.py upsert", "pipeline.py start", "pipeline.py approve"):
        assert f"python {command}" in shown


def test_the_first_execution_ends_with_a_pending_model_version(workplace: Workplace) -> None:
    workplace.run("upsert")
    status = workplace.start()

    assert status["status"] == "Succeeded"
    assert statuses(status) == {
        name: "Skipped" if name == "AccuracyTooLow" else "Succeeded" for name in STEPS
    }
    metrics = status["metrics"]
    matrix = metrics["multiclass_classification_metrics"]["confusion_matrix"]
    judged = sum(sum(row.values()) for row in matrix.values())
    assert judged == metrics["tally"]["test_images"] > 0
    assert len(status["trials"]) == int(TINY["MaxTrials"])
    assert {rule["status"] for rule in status["debug_rules"]} <= {
        "NoIssuesFound",
        "IssuesFound",
        "NotApplicable",
    }
    assert len(status["debug_rules"]) == 7
    assert [(m["version"], m["approval"]) for m in workplace.models()] == [
        (1, "PendingManualApproval")
    ]


def test_what_the_execution_took_is_its_cost_and_the_next_ones_estimate(
    workplace: Workplace,
) -> None:
    spent = workplace.read("status")["cost"]
    assert [step["step"] for step in spent["steps"]] == ["Prepare", "Tune", "Train", "Evaluate"]
    assert len(spent["steps"][1]["jobs"]) == int(TINY["MaxTrials"])
    assert 0 < spent["instance_hours"] < 1 and spent["usd"] > 0

    same = [word for name, value in TINY.items() for word in ("-p", f"{name}={value}")]
    alike = workplace.read("start", "--estimate", *same)
    other = workplace.read("start", "--estimate")

    assert {step["past"]["same"] for step in alike["steps"]} == {True}
    assert {step["past"]["same"] for step in other["steps"]} == {False}
    assert 0 < alike["expected"]["usd"] < alike["at_most"]["usd"]
    assert len(workplace.read("list")) == 1  # nothing was started


def test_predict_before_the_approval_is_refused(workplace: Workplace) -> None:
    refused = workplace.run("predict", str(a_jpeg(workplace)), check=1)
    assert "approve" in refused.stderr


def test_approval_creates_an_endpoint_that_counts(workplace: Workplace) -> None:
    workplace.run("approve")
    workplace.run("endpoint", "--wait", "--timeout", "120")

    answer = workplace.read("predict", str(a_jpeg(workplace)), "--expected", "3")[0]

    assert answer["count"] in range(1, 6)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    # The workplace's few bins are not enough to fit a decision.
    assert (answer["verdict"], answer["match_probability"]) == ("look", None)
    assert "too few bins" in answer["reason"]
    assert serving(workplace) == [1]


def test_batch_scoring_gives_the_endpoints_answers(workplace: Workplace) -> None:
    photos = workplace.folder / "photos"
    (photos / "aisle").mkdir(parents=True)
    for path in whole_jpegs(workplace)[:3]:
        shutil.copy(path, photos / "aisle")
    scores = workplace.read("score", str(photos), "--output", str(workplace.folder / "scores.csv"))

    asked = workplace.read("predict", *map(str, sorted((photos / "aisle").iterdir())))
    assert [score["image"] for score in scores["scores"]] == [
        f"aisle/{Path(answer['image']).name}" for answer in asked
    ]
    for score, answer in zip(scores["scores"], asked, strict=True):
        assert score["count"] == answer["count"]
        assert score["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-4)
    assert len((workplace.folder / "scores.csv").read_text().splitlines()) == 4


def test_a_stock_record_is_judged_alike_by_the_endpoint_and_in_batch(
    workplace: Workplace,
) -> None:
    """ABID's metadata of drawn bins, as they are; every answer follows the schema."""
    schema = json.loads((ROOT / "steps" / "schemas" / "answer.json").read_text())
    photos, records = workplace.folder / "recorded", workplace.bins / "metadata"
    photos.mkdir()
    asked = {}
    for path in whole_jpegs(workplace)[:3]:
        shutil.copy(path, photos)
        record = str(records / f"{path.stem}.json")
        (asked[path.name],) = workplace.read("predict", str(path), "--record", record)
    output = str(workplace.folder / "judged.csv")
    scores = workplace.read("score", str(photos), "--records", str(records), "--output", output)

    assert [job.rpartition("-")[2] for job in scores["jobs"]] == ["json"]
    assert {score["image"] for score in scores["scores"]} == set(asked)
    for score in scores["scores"]:
        answer = asked[score.pop("image")]
        jsonschema.validate(score, schema)
        wanted = json.loads((records / f"{Path(answer['image']).stem}.json").read_text())
        assert score["expected_quantity"] == wanted["EXPECTED_QUANTITY"]
        assert (score["verdict"], score["reason"]) == (answer["verdict"], answer["reason"])
        assert score["match_probability"] == pytest.approx(answer["match_probability"], abs=1e-4)


def test_a_model_that_answers_otherwise_than_in_training_is_not_deployed(
    workplace: Workplace,
) -> None:
    """Its archive is sealed as if Train had written it; the packed answers are not its own."""
    server = sagemaker_emulator.status(workplace.environment["EMULATOR_STATE"])
    assert server is not None
    keys = server["environment"]
    session = boto3.Session(
        keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )
    client = session.client("sagemaker", endpoint_url=server["url"])
    s3 = session.client("s3", endpoint_url=server["s3_url"])
    package = client.describe_model_package(ModelPackageName=workplace.models()[0]["arn"])
    container = package["InferenceSpecification"]["Containers"][0]
    bucket, key = container["ModelDataUrl"].removeprefix("s3://").split("/", 1)
    archive = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key="other/model.tar.gz", Body=with_other_answers(archive))
    client.create_model(
        ModelName="other",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/x",
        PrimaryContainer={
            "Image": container["Image"],
            "ModelDataUrl": f"s3://{bucket}/other/model.tar.gz",
            "Environment": container["Environment"],
        },
    )
    client.create_endpoint_config(
        EndpointConfigName="other",
        ProductionVariants=[
            {
                "VariantName": "all",
                "ModelName": "other",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
    )
    client.create_endpoint(EndpointName="other", EndpointConfigName="other")
    deadline = time.monotonic() + 240
    while (endpoint := client.describe_endpoint(EndpointName="other"))[
        "EndpointStatus"
    ] == "Creating":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    client.delete_endpoint(EndpointName="other")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "ModelError: the self-test failed: to selftest/1.jpg, " in endpoint["FailureReason"]


def test_approve_is_refused_when_no_version_is_pending(workplace: Workplace) -> None:
    refused = workplace.run("approve", check=1)
    assert "waiting for approval" in refused.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.jpg", b"These are not pixels.", "JPEG"),
        ("empty.jpg", b"", "empty"),
    ],
    ids=["text", "empty"],
)
def test_predict_refuses_a_file_that_is_not_a_photo(
    workplace: Workplace, name: str, content: bytes, message: str
) -> None:
    file = workplace.folder / name
    file.write_bytes(content)
    refused = workplace.run("predict", str(file), check=1)
    assert message in refused.stderr and name in refused.stderr


def test_predict_refuses_forty_megapixels(workplace: Workplace) -> None:
    from PIL import Image

    file = workplace.folder / "huge.jpg"
    Image.new("L", (8000, 5000)).save(file)
    refused = workplace.run("predict", str(file), check=1)
    assert "megapixel" in refused.stderr and "huge.jpg" in refused.stderr


def test_the_report_is_one_file_with_its_pictures_inside(workplace: Workplace) -> None:
    printed = workplace.run("report", "--output", str(workplace.folder / "reports")).stdout
    pages = {file.name: file for file in (workplace.folder / "reports").rglob("*.html")}
    page, profile = pages["report.html"], pages["profile.html"]
    assert str(page) in printed
    assert "slowest operators" in profile.read_text()
    html = page.read_text()
    assert html.count("data:image/png;base64,") >= 4
    assert 'src="http' not in html
    assert 'href="profile.html"' in html and "images per second" in html


def test_the_tour_shows_the_pipeline_its_results_and_an_answer(workplace: Workplace) -> None:
    shown = workplace.notebook("tour.ipynb")
    assert "<HTML> <svg" in shown and "AccuracyTooLow" in shown
    assert workplace.read("list")[0]["PipelineExecutionArn"].rpartition("/")[2] in shown
    assert "PendingManualApproval" not in shown and "Approved, serving" in shown
    assert "confusion.png" in shown and "Confusion matrix. Just off the diagonal" in shown
    assert re.search(r"The bin holds \d items; the model counts \d\.", shown)
    assert re.search(r"Verdict: (pass|look|cannot_judge): \w+", shown)


def test_an_accuracy_below_the_threshold_fails_with_the_numbers_and_registers_nothing(
    workplace: Workplace,
) -> None:
    status = workplace.start(check=1, AccuracyThreshold="0.99")

    assert status["status"] == "Failed"
    ended = {step["name"]: step for step in status["steps"]}
    assert [name for name in ended if ended[name]["cached"]][:3] == ["Prepare", "Tune", "Train"]
    assert ended["AccuracyTooLow"]["status"] == "Failed"
    accuracy = status["metrics"]["multiclass_classification_metrics"]["accuracy"]["value"]
    reason = ended["AccuracyTooLow"]["failure"]
    assert "0.99" in reason and f"{accuracy:.3f} (" in reason and status["id"] in reason
    assert len(workplace.models()) == 1


def test_a_second_version_replaces_the_first_and_rollback_brings_it_back(
    workplace: Workplace,
) -> None:
    # At this size the second may be worse than the first by chance: it is compared with none.
    none = "s3://tally-us-east-1-123456789012/tally/no-model/"
    assert workplace.start(Seed="2", ApprovedModel=none)["status"] == "Succeeded"
    before = workplace.read("endpoint")

    workplace.run("approve")
    workplace.run("endpoint", "--wait", "--timeout", "120")
    assert serving(workplace) == [2]

    workplace.run("rollback")
    workplace.run("endpoint", "--wait", "--timeout", "120")
    assert serving(workplace) == [1]
    assert workplace.read("endpoint")["status"] == before["status"] == "InService"


def test_a_crashed_step_shows_the_end_of_its_log_and_the_command_for_all_of_it(
    workplace: Workplace,
) -> None:
    bucket = "tally-us-east-1-123456789012"
    model = Path(workplace.environment["EMULATOR_STATE"], "s3", bucket, "broken", "model.tar.gz")
    model.parent.mkdir()
    model.write_bytes(b"no archive")
    approved = f"ApprovedModel=s3://{bucket}/broken/model.tar.gz"
    options = ["-p", f"DataSource={workplace.bins}", "-p", approved]
    tiny = [word for name, value in TINY.items() for word in ("-p", f"{name}={value}")]
    failed = workplace.run("start", "--wait", *tiny, *options, check=1)
    output = failed.stdout + failed.stderr
    assert "approved/model.tar.gz" in output
    assert "pipeline.py logs Evaluate" in output


@pytest.mark.parametrize("source", ["s3://no-such-bucket-of-bins/here", "EMPTY"])
def test_an_unusable_data_source_is_named_in_the_error(workplace: Workplace, source: str) -> None:
    if source == "EMPTY":
        folder = workplace.folder / "empty"
        folder.mkdir(exist_ok=True)
        source = str(folder)
    failed = workplace.run("start", "-p", f"DataSource={source}", check=1)
    output = failed.stdout + failed.stderr
    assert source.rstrip("/").rpartition("/")[2] in output or source in output


def test_the_state_survives_a_restart_of_the_emulator(workplace: Workplace) -> None:
    models, executions = workplace.models(), workplace.read("list")

    workplace.run("emulator", "down")
    workplace.run("emulator", "up")
    workplace.run("endpoint", "--wait", "--timeout", "120")

    assert workplace.models() == models
    assert workplace.read("list") == executions
    assert workplace.read("predict", str(a_jpeg(workplace)))[0]["count"] in range(1, 6)


def test_an_execution_survives_the_kill_of_the_emulator(workplace: Workplace) -> None:
    started = workplace.run(
        "start",
        "--no-wait",
        *[word for n, v in {**TINY, "Seed": "3"}.items() for word in ("-p", f"{n}={v}")],
        "-p",
        f"DataSource={workplace.bins}",
    )
    identity = started.stdout.strip()
    server = json.loads((Path(workplace.environment["EMULATOR_STATE"]) / "server.json").read_text())
    time.sleep(1)  # somewhere in Prepare or Tune
    os.kill(server["pid"], signal.SIGKILL)

    deadline = time.monotonic() + 120
    while (status := workplace.read("status", identity))["status"] == "Executing":
        assert time.monotonic() < deadline, status
        time.sleep(1)

    # Judged against the approved version, it may be too bad; it must have come to that judgement.
    assert statuses(status)["CheckAccuracy"] == "Succeeded"


def test_ctrl_c_while_watching_leaves_the_execution_running(workplace: Workplace) -> None:
    options = [word for n, v in {**TINY, "Seed": "4"}.items() for word in ("-p", f"{n}={v}")]
    watching = subprocess.Popen(
        [
            sys.executable,
            "pipeline.py",
            "start",
            *options,
            "-p",
            f"DataSource={workplace.bins}",
        ],
        cwd=ROOT,
        env=workplace.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in a shell's background, SIGINT is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert watching.stderr
    for line in watching.stderr:
        if line.startswith("Execution "):
            identity = line.split()[1]
            break
    time.sleep(1)
    watching.send_signal(signal.SIGINT)
    _, output = watching.communicate(timeout=30)

    assert watching.returncode == 130
    assert f"pipeline.py stop {identity}" in output
    assert workplace.read("status", identity)["status"] == "Executing"

    workplace.run("stop", identity)
    deadline = time.monotonic() + 60
    while (status := workplace.read("status", identity))["status"] != "Stopped":
        assert time.monotonic() < deadline, status
        time.sleep(0.5)


@pytest.mark.parametrize("role", ["ExecutionRole", "PromotionRole"])
def test_the_roles_grant_what_this_file_has_called_and_no_more(
    workplace: Workplace, role: str
) -> None:
    called = recorded(workplace.folder / "calls.jsonl")[role]
    if not called:
        pytest.skip("it judges the calls of the tests before it: run the whole file")
    assert called - granted(role) == set()
    unexplained = granted(role) - called
    for beginning in UNRECORDED[role]:
        matching = {action for action in unexplained if action.startswith(beginning)}
        assert matching, f"{beginning} is granted no more, or recorded: take it from UNRECORDED"
        unexplained -= matching
    assert unexplained == set()
