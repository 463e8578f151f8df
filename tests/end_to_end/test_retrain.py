"""The commands of the retraining workflow, run as GitHub runs them, against the emulator."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from workplace import ROOT, TINY, Workplace

WORKFLOW = ROOT / ".github" / "workflows" / "retrain.yml"
NO_MODEL = "s3://tally-us-east-1-123456789012/tally/no-model/"


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    return workflow


def commands(workflow: dict[Any, Any], cancelled: bool = False) -> list[str]:
    """The `run:` texts that are commands of pipeline.py, in a job that ends or is cancelled.

    The others create the environment that this test already runs in (`make setup`), or push images
    with Docker to ECR (`make images`), which an emulator that runs containers/ does not need:
    tests/pipelines/provisioning/test_container_images.py tests those.
    """
    runs = [
        step["run"]
        for step in workflow["jobs"]["retrain"]["steps"]
        if "run" in step and (cancelled or "cancelled()" not in step.get("if", ""))
    ]
    assert [run for run in runs if "pipeline.py" not in run] == ["make setup", "make images"]
    return [run for run in runs if "pipeline.py" in run]


def test_the_workflow_registers_a_version_and_writes_its_metrics_to_the_summary(
    workplace: Workplace, workflow: dict[Any, Any], tmp_path: Path
) -> None:
    # The workflow upserts as well; this first upsert creates the registry.
    workplace.run("upsert")
    before = {model["version"] for model in workplace.models()}
    chosen = {**TINY, "DataSource": str(workplace.bins), "ApprovedModel": NO_MODEL}
    summary = tmp_path / "summary.md"
    environment = {
        **workplace.environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PIPELINE_TARGET": "local",
        "PIPELINE_REGION": "us-east-1",
        # As with the variable DATA_SOURCE and the input of a manual run, which comes last.
        "PARAMETERS": "-p DataSource=s3://nowhere/bins -p DataVersion=run-1 "
        + " ".join(f"-p {name}={value}" for name, value in chosen.items()),
        "GITHUB_RUN_ID": "170",
        "GITHUB_RUN_ATTEMPT": "2",
        "GITHUB_STEP_SUMMARY": str(summary),
        "RUNNER_TEMP": str(tmp_path),
    }
    assert set(workflow["jobs"]["retrain"]["env"]) <= set(environment)

    for command in commands(workflow):
        done = subprocess.run(
            # As GitHub runs a step.
            ["bash", "-e", "-c", command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    (new,) = [model for model in workplace.models() if model["version"] not in before]
    assert new["approval"] == "PendingManualApproval"
    status = workplace.read("status", "retrain-170-2")
    accuracy = status["metrics"]["multiclass_classification_metrics"]["accuracy"]["value"]
    text = summary.read_text()
    assert status["id"] in text
    assert f"{100 * accuracy:.1f}" in text
    assert f"Model version {new['version']} waits for approval" in text
    assert f"pipeline.py approve {new['version']}" in text


def test_cancelling_the_job_stops_its_execution(
    workplace: Workplace, workflow: dict[Any, Any], tmp_path: Path
) -> None:
    job = workflow["jobs"]["retrain"]
    (execution,) = [step for step in job["steps"] if step.get("id") == "execution"]
    # A step that takes too long fails, while a job that takes too long is cancelled.
    assert execution["timeout-minutes"] < job["timeout-minutes"]
    workplace.run("upsert")
    source = f"DataSource={workplace.bins}"
    workplace.run("start", "--no-wait", "--name", "retrain-171-1", "-p", source)
    environment = {
        **workplace.environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITHUB_RUN_ID": "171",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "RUNNER_TEMP": str(tmp_path),
    }
    for command in commands(workflow, cancelled=True)[-2:]:
        subprocess.run(["bash", "-e", "-c", command], cwd=ROOT, env=environment, check=True)
    assert workplace.read("status", "retrain-171-1")["status"] in ("Stopping", "Stopped")
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
    text = WORKFLOW.read_text().lower()
    assert "secrets." not in text
    assert "access-key" not in text and "access_key" not in text
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["retrain"]["permissions"] == {"contents": "read", "id-token": "write"}
