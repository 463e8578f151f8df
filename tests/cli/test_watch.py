"""`watch` as a person runs it: a real job on captured answers, its metric, alarm and schedule.

One test has an endpoint capture what it answers; its model answers what it is asked. In the others
capture files are written here as that endpoint writes them.
"""

import io
import json
import re
import tarfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.steps import counts  # noqa: F401 makes steps/ importable
from tests.cli.command_line import ROOT, CommandLine

from watching import baseline  # isort: skip

BUCKET = "tally-us-east-1-123456789012"
MODEL = "3f9a1c0b77d2"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/watcher:1"
ECHO = "123456789012.dkr.ecr.us-east-1.amazonaws.com/echo:1"
SECONDS = 240


def answers(number: int, seed: int, darker: float = 1.0) -> list[dict[str, Any]]:
    """Answers about bins of 1 to 5, four of five of them right."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(number):
        quantity = int(generator.integers(1, 6))
        count = quantity if generator.random() < 0.8 else quantity % 5 + 1
        made.append(
            {
                "count": count, "or_more": False, "confidence": 0.8,
                "probabilities": {str(n): 0.8 if n == count else 0.05 for n in range(1, 6)},
                "expected_count": count, "looks_like_a_bin": True, "model": MODEL,
                "input": {"brightness": darker * float(generator.beta(8, 8))},
                "expected_quantity": quantity, "verdict": "pass" if count == quantity else "look",
            }
        )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """An emulator with the baseline of a model, whose Watch jobs run in a small image."""
    line = CommandLine(tmp_path_factory.mktemp("watch") / "state")
    line.environment["PIPELINE_IMAGES_TRAINING"] = IMAGE
    line.emulator("up", "--images", str(ROOT / "tests" / "cli" / "images"))
    try:
        done = line.run("setup", seconds=SECONDS)
        assert done.returncode == 0, done.stderr
        test = answers(100, 99)
        truth = [str(one["expected_quantity"]) for one in test]
        known = baseline.describe(truth, test, test, 0.1).as_document()
        put(line, f"tally/baselines/{MODEL}.json", json.dumps(known))
        yield line
    finally:
        line.emulator("down")


def put(line: CommandLine, key: str, text: str) -> None:
    line.client("s3").put_object(Bucket=BUCKET, Key=key, Body=text.encode())


def capture(line: CommandLine, found: Sequence[dict[str, Any]]) -> None:
    """Answers of the last hour, in place of those that were captured before."""
    when = datetime.now(UTC) - timedelta(hours=1)
    lines = [
        json.dumps(
            {
                "captureData": {
                    "endpointOutput": {
                        "observedContentType": "application/json", "mode": "OUTPUT",
                        "data": json.dumps(one), "encoding": "JSON",
                    }
                },
                "eventMetadata": {"eventId": "1", "inferenceTime": f"{when:%Y-%m-%dT%H:%M:%SZ}"},
                "eventVersion": "0",
            }
        )
        for one in found
    ]  # fmt: skip
    put(line, "tally/capture/tally/AllTraffic/2026/11/30/12/00-00.jsonl", "\n".join(lines))


def test_before_the_first_run_the_list_names_the_command_that_begins(place: CommandLine) -> None:
    refused = place.run("list", "--watch")
    assert refused.returncode == 1
    assert "no pipeline tally-watch yet. Run `python pipeline.py watch` first." in refused.stderr


def test_a_window_without_answers_is_not_known(place: CommandLine) -> None:
    done = place.run("watch", seconds=SECONDS)
    assert done.returncode == 1, done.stderr
    assert "is the endpoint's capture on?" in done.stdout
    assert "set `capture.percent`, run `python pipeline.py setup`" in done.stderr


def test_unchanged_answers_are_steady(place: CommandLine) -> None:
    capture(place, answers(300, 1))
    done = place.run("watch", "--json", seconds=SECONDS)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    found = json.loads(done.stdout)
    assert (found["status"], found["answers"]) == ("steady", 300)


def test_a_change_fails_the_execution_and_is_in_report_metric_and_alarm(
    place: CommandLine,
) -> None:
    capture(place, answers(300, 2, darker=0.6))
    done = place.run("watch", seconds=SECONDS)
    assert done.returncode == 1, done.stderr
    assert "The photos look different" in done.stdout
    page = re.search(r"The report: (\S+\.html)", done.stderr)
    assert page and "Something has changed" in Path(page[1]).read_text()
    Path(page[1]).unlink()
    sagemaker = place.client("sagemaker")
    runs = sagemaker.list_pipeline_executions(PipelineName="tally-watch")
    latest = runs["PipelineExecutionSummaries"][0]
    assert latest["PipelineExecutionStatus"] == "Failed"
    steps = sagemaker.list_pipeline_execution_steps(
        PipelineExecutionArn=latest["PipelineExecutionArn"]
    )["PipelineExecutionSteps"]
    (reason,) = [step["FailureReason"] for step in steps if step["StepName"] == "Changed"]
    assert "brightness of the photo" in reason
    shown = place.run("status", latest["PipelineExecutionArn"].rpartition("/")[2])
    assert "What the endpoint sees or answers has changed" in shown.stdout, shown.stderr
    assert place.run("status", "tally-watch").stdout == shown.stdout
    listed = place.run("list", "--watch").stdout.splitlines()
    assert "brightness of the photo" in listed[2] and "Failed" in listed[2]
    log = place.run("logs", "Watch", "tally-watch")
    assert "RAISED brightness" in log.stdout, log.stderr
    cloudwatch = place.client("cloudwatch")
    now = datetime.now(UTC)
    statistics = cloudwatch.get_metric_statistics(
        Namespace="Tally", MetricName="Changes",
        Dimensions=[{"Name": "EndpointName", "Value": "tally"}],
        StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1), Period=3600,
        Statistics=["Maximum"],
    )  # fmt: skip
    assert max(point["Maximum"] for point in statistics["Datapoints"]) == 1
    deadline = time.monotonic() + SECONDS
    state = ""
    while state != "ALARM" and time.monotonic() < deadline:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["tally-watch"])["MetricAlarms"]
        state = alarm["StateValue"]
        time.sleep(1)
    assert state == "ALARM", alarm


def test_an_execution_that_nobody_waits_for_is_found_by_the_other_commands(
    place: CommandLine,
) -> None:
    started = place.run("watch", "--no-wait", seconds=SECONDS)
    identity = started.stdout.strip()
    assert f"python pipeline.py status {identity}" in started.stderr
    deadline = time.monotonic() + SECONDS
    while (status := status_of(place, identity)) == "Executing":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    refused = place.run("stop", identity)
    assert refused.returncode == 1
    assert f"Execution {identity} is {status}, so there is nothing to stop." in refused.stderr


def status_of(place: CommandLine, identity: str) -> str:
    return str(json.loads(place.run("status", identity, "--json").stdout)["status"])


def test_what_an_endpoint_answers_is_captured_and_watched(place: CommandLine) -> None:
    sagemaker, name = place.client("sagemaker"), "tally-echo"
    packed = io.BytesIO()
    tarfile.open(fileobj=packed, mode="w:gz").close()
    place.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed.getvalue())
    role = "arn:aws:iam::123456789012:role/tally-execution-us-east-1"
    container = {"Image": ECHO, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{**variant, "InitialInstanceCount": 1}],
        DataCaptureConfig={
            "EnableCapture": True, "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/tally/capture",
            "CaptureOptions": [{"CaptureMode": "Output"}],
        },
    )  # fmt: skip
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    runtime = place.client("sagemaker-runtime")
    for one in answers(60, 4):
        body = json.dumps(one).encode()
        runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=body)
    found: dict[str, Any] = {}
    deadline = time.monotonic() + SECONDS
    while found.get("answers") != 60 and time.monotonic() < deadline:  # written after a moment
        done = place.run("watch", "--json", seconds=SECONDS, PIPELINE_ENDPOINT=name)
        found = json.loads(done.stdout)
    assert (found["endpoint"], found["answers"], found["status"]) == (name, 60, "steady")
    sagemaker.delete_endpoint(EndpointName=name)


MAIN = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": name, "Type": "String", "DefaultValue": "none"}
        for name in ("DataSource", "AuditVersion", "ModelApprovalStatus", "ApprovedModel")
    ],
    "Steps": [
        {
            "Name": "Check", "Type": "Condition",
            "Arguments": {
                "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}],
                "IfSteps": [], "ElseSteps": [],
            },
        }
    ],
}  # fmt: skip


def test_a_change_retrains_once_in_a_window_from_the_same_bins(place: CommandLine) -> None:
    """The pipeline that trains is a condition here: how it trains is tested elsewhere."""
    sagemaker = place.client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName="tally", PipelineDefinition=json.dumps(MAIN), ClientRequestToken="t" * 32,
        RoleArn="arn:aws:iam::123456789012:role/tally-execution-us-east-1",
    )  # fmt: skip
    values = {"DataSource": "s3://my/bins", "ApprovedModel": "s3://my/old.tar.gz"}
    arn = sagemaker.start_pipeline_execution(
        PipelineName="tally", ClientRequestToken="s" * 32,
        PipelineParameters=[{"Name": n, "Value": v} for n, v in values.items()],
    )["PipelineExecutionArn"]  # fmt: skip
    while (
        sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
        == "Executing"
    ):
        time.sleep(0.2)
    capture(place, answers(300, 3, darker=0.6))
    for _ in range(2):
        done = place.run("watch", seconds=SECONDS, PIPELINE_WATCH_RETRAIN="true")
        assert "The photos look different" in done.stdout, done.stderr
    listed = sagemaker.list_pipeline_executions(PipelineName="tally")["PipelineExecutionSummaries"]
    assert len(listed) == 2
    assert listed[0]["PipelineExecutionDisplayName"].startswith("watch-")
    parameters = sagemaker.list_pipeline_parameters_for_execution(
        PipelineExecutionArn=listed[0]["PipelineExecutionArn"]
    )["PipelineParameters"]
    found = {one["Name"]: one["Value"] for one in parameters}
    assert found["DataSource"] == "s3://my/bins"
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert found["AuditVersion"].startswith("watch-")
    assert found.get("ApprovedModel", "none") == "none"


def test_a_schedule_starts_the_pipeline_until_it_is_deleted(place: CommandLine) -> None:
    done = place.run("watch", "--schedule", "rate(1 day)", seconds=SECONDS)
    assert done.returncode == 0, done.stderr
    scheduler = place.client("scheduler")
    schedule = scheduler.get_schedule(Name="tally-watch")
    assert schedule["ScheduleExpression"] == "rate(1 day)"
    assert schedule["Target"]["Arn"].endswith(":pipeline/tally-watch")
    assert place.run("watch", "--unschedule").returncode == 0
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        scheduler.get_schedule(Name="tally-watch")
    assert "no schedule" in place.run("watch", "--unschedule").stdout


def test_a_schedule_that_is_none_is_refused_with_what_is_allowed(place: CommandLine) -> None:
    done = place.run("watch", "--schedule", "daily", seconds=SECONDS)
    assert done.returncode == 1
    assert "rate(1 day)" in done.stderr and "Traceback" not in done.stderr
    refused = place.run("watch", "--since", "soon")
    assert refused.returncode == 2 and "7d or 2w" in refused.stderr
