"""The commands of the retraining workflow, run as GitHub runs them, against the emulator."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from github_job import FOLDER, Job, read
from workplace import ROOT, TINY, Workplace

NO_MODEL = "s3://tally-us-east-1-123456789012/tally/no-model/"
JOB = Job(
    "retrain.yml", "retrain", {"steps.execution.outcome": "", "steps.credentials.outcome": ""}
)
# What these two create, this test runs in already; the second needs Docker and ECR, which
# tests/pipelines/provisioning/test_container_images.py tests.
_, _, UPSERT, START, STOP, SHOW = JOB.commands()


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    return read("retrain.yml")


def environment_of(workplace: Workplace, folder: Path, run: str, **more: str) -> dict[str, str]:
    """The variables of the runner and of the job, all of them with values of this test."""
    environment = {
        **workplace.environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PIPELINE_TARGET": "local",
        "PIPELINE_REGION": "us-east-1",
        "LIMIT": "--max-cost 50",  # on this machine nothing costs anything
        "PARAMETERS": "",
        "GITHUB_RUN_ID": run,
        "GITHUB_RUN_ATTEMPT": "2",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "RUNNER_TEMP": str(folder),
        **more,
    }
    assert set(JOB.content["env"]) <= set(environment)
    return environment


def test_the_workflow_registers_a_version_and_writes_its_metrics_to_the_summary(
    workplace: Workplace, tmp_path: Path
) -> None:
    # The workflow upserts as well; this first upsert creates the registry.
    workplace.run("upsert")
    before = {model["version"] for model in workplace.models()}
    chosen = {**TINY, "DataSource": str(workplace.bins), "ApprovedModel": NO_MODEL}
    environment = environment_of(
        workplace,
        tmp_path,
        "170",
        # As with the variable DATA_SOURCE and the input of a manual run, which comes last.
        PARAMETERS="-p DataSource=s3://nowhere/bins -p DataVersion=run-1 "
        + " ".join(f"-p {name}={value}" for name, value in chosen.items()),
    )

    for name in (UPSERT, START, SHOW):
        done = JOB.run(name, ROOT, environment)
        assert done.returncode == 0, f"{name}\n{done.stdout}\n{done.stderr}"

    (new,) = [model for model in workplace.models() if model["version"] not in before]
    assert new["approval"] == "PendingManualApproval"
    status = workplace.read("status", "retrain-170-2")
    accuracy = status["metrics"]["multiclass_classification_metrics"]["accuracy"]["value"]
    text = (tmp_path / "summary.md").read_text()
    assert status["id"] in text
    assert f"{100 * accuracy:.1f}" in text
    assert f"Model version {new['version']} waits for approval" in text
    assert f"pipeline.py approve {new['version']}" in text


def test_cancelling_the_job_stops_its_execution(workplace: Workplace, tmp_path: Path) -> None:
    # A step that takes too long fails, while a job that takes too long is cancelled.
    assert JOB.step(START)["timeout-minutes"] < JOB.content["timeout-minutes"]
    workplace.run("upsert")
    source = f"DataSource={workplace.bins}"
    workplace.run("start", "--no-wait", "--name", "retrain-171-2", "-p", source)
    environment = environment_of(workplace, tmp_path, "171")
    for name in (STOP, SHOW):
        assert JOB.run(name, ROOT, environment).returncode == 0
    assert workplace.read("status", "retrain-171-2")["status"] in ("Stopping", "Stopped")
    assert "Stop" in (tmp_path / "summary.md").read_text()


def test_only_growing_images_are_read_again_weekly(
    workflow: dict[Any, Any],
) -> None:
    # Only GitHub evaluates the expressions. The step cache would reuse a version seen before.
    assert workflow[True]["schedule"]
    job = workflow["jobs"]["retrain"]
    assert job["if"] == (
        "vars.AWS_ROLE_ARN != '' && (github.event_name != 'schedule' || vars.DATA_SOURCE != '')"
    )
    growing, manual = re.findall(r"\$\{\{ (.*?) \}\}", job["env"]["PARAMETERS"])
    assert growing == (
        "vars.DATA_SOURCE != '' && format('-p DataSource={0} -p DataVersion=run-{1}', "
        "vars.DATA_SOURCE, github.run_id) || ''"
    )
    assert manual == "inputs.parameters"


def test_the_watched_paths_exist(workflow: dict[Any, Any]) -> None:
    # YAML reads the key `on` as a truth value.
    paths = workflow[True]["push"]["paths"]
    assert paths
    for path in paths:
        assert any(ROOT.glob(path)), f"{path} names nothing in the repository"


def test_no_key_is_stored(workflow: dict[Any, Any]) -> None:
    text = (FOLDER / "retrain.yml").read_text().lower()
    assert "secrets." not in text
    assert "access-key" not in text and "access_key" not in text
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["retrain"]["permissions"] == {"contents": "read", "id-token": "write"}
