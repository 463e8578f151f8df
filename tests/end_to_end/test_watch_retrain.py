"""A change that `watch` notices trains a new version, from the lamp to the registry.

Nothing is replaced by a smaller part: a trained model serves and captures its answers, darkened
photos are sent to it, and the pipeline that trains runs to its end. The tests run in order: each
continues after the one before.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image, UnidentifiedImageError
from workplace import Workplace

import sagemaker_emulator

BUCKET = "tally-us-east-1-123456789012"
NO_MODEL = f"s3://{BUCKET}/tally/no-model/"
SETTINGS = {
    "PIPELINE_CAPTURE_PERCENT": "100",
    "PIPELINE_WATCH_RETRAIN": "true",
    # How traffic moves to a version is not what is tested here.
    "PIPELINE_ROLLOUT_TYPE": "all_at_once",
    "PIPELINE_ROLLOUT_BAKE": "0",
}
DARKER = 0.4
SECONDS = 240


@pytest.fixture(scope="module")
def watched(workplace: Workplace) -> Workplace:
    """A workplace whose endpoint is to keep its answers, and where a change retrains."""
    watched = replace(workplace, environment={**workplace.environment, **SETTINGS})
    watched.run("upsert")
    return watched


def darkened(workplace: Workplace) -> list[Path]:
    """The bins again, as under a lamp that fails."""
    folder = workplace.folder / "darkened"
    folder.mkdir()
    for path in sorted((workplace.bins / "bin-images").glob("*.jpg")):
        try:
            photo = Image.open(path).convert("RGB")
        except (OSError, UnidentifiedImageError):
            continue  # some are broken on purpose
        photo.point(lambda value: int(value * DARKER)).save(folder / path.name)
    return sorted(folder.iterdir())


def captured(workplace: Workplace) -> int:
    """How many answers are in S3."""
    folder = Path(workplace.environment["EMULATOR_STATE"], "s3", BUCKET, "tally", "capture")
    return sum(len(file.read_text().splitlines()) for file in folder.rglob("*.jsonl"))


def ended(workplace: Workplace, execution: str) -> Any:
    """The status of an execution after its end."""
    deadline = time.monotonic() + SECONDS
    while (status := workplace.read("status", execution))["status"] == "Executing":
        assert time.monotonic() < deadline, status
        time.sleep(2)
    return status


def serving(workplace: Workplace) -> list[int]:
    return [one["version"] for one in workplace.models() if one["serving"]]


def alarm(workplace: Workplace) -> Mapping[str, Any]:
    server = sagemaker_emulator.status(workplace.environment["EMULATOR_STATE"])
    assert server is not None
    keys = server["environment"]
    client = boto3.client(
        "cloudwatch",
        endpoint_url=server["url"],
        region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    (found,) = client.describe_alarms(AlarmNames=["tally-watch"])["MetricAlarms"]
    return dict(found)


def test_an_approved_version_serves(watched: Workplace) -> None:
    registered = watched.start(ApprovedModel=NO_MODEL)["model_version"]
    watched.run("approve", str(registered), "--yes")
    watched.run("endpoint", "--wait", "--timeout", "120")
    assert serving(watched) == [registered]


def test_its_answers_to_photos_under_a_failing_lamp_are_captured(watched: Workplace) -> None:
    photos = darkened(watched)
    watched.run("predict", *map(str, photos))
    deadline = time.monotonic() + SECONDS
    while captured(watched) < len(photos):  # written after a moment
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_change_ends_in_a_version_that_waits_for_approval(watched: Workplace) -> None:
    before, served = watched.models(), serving(watched)
    executions = watched.read("list")
    base = next(one for one in executions if one["PipelineExecutionStatus"] == "Succeeded")

    changed = watched.run("watch", "--json", check=1)
    found = json.loads(changed.stdout)
    assert found["status"] == "changed" and "brightness" in found["raised"]

    newest = watched.read("list")[0]
    assert newest["PipelineExecutionDisplayName"].startswith("watch-")
    for name in ("DataSource", "SubsetSize", "ImageSize", "MaxTrials"):
        assert newest["Parameters"][name] == base["Parameters"][name]
    status = ended(watched, newest["PipelineExecutionArn"].rpartition("/")[2])
    assert status["status"] == "Succeeded", status
    # Audits may be new, so nothing of the earlier execution is taken from the step cache.
    assert not [step["name"] for step in status["steps"] if step["cached"]]
    (new,) = [one for one in watched.models() if one["arn"] not in {old["arn"] for old in before}]
    assert (new["version"], new["approval"]) == (status["model_version"], "PendingManualApproval")
    assert serving(watched) == served


def test_the_alarm_goes_off_and_the_run_names_what_it_started(watched: Workplace) -> None:
    deadline = time.monotonic() + SECONDS
    while (now := alarm(watched))["StateValue"] != "ALARM":
        assert time.monotonic() < deadline, now
        time.sleep(1)
    assert "retraining: arn:" in watched.run("logs", "Watch", "tally-watch").stdout
