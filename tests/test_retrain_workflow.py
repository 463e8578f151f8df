"""The steps of the retraining workflow, run by bash with a stand-in for the command line."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOW = Path(__file__).parents[1] / ".github" / "workflows" / "retrain.yml"
REFUSED = "Error: Unknown parameter '\"Classes'."
STAND_IN = """#!/bin/bash
case $2 in
    start) echo "${START_SAYS}" >&2; exit ${START_CODE} ;;
    status) [ "${START_CODE}" = 0 ] && echo "## Metrics" || { echo "no execution" >&2; exit 1; } ;;
esac
"""


def scripts() -> tuple[str, str]:
    """What the workflow runs to start an execution, and to show it."""
    steps: list[dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text())["jobs"]["retrain"]["steps"]
    names = [step["name"] for step in steps if "pipeline.py st" in step.get("run", "")]
    assert len(names) == 3  # start, stop, status
    start = next(step for step in steps if step.get("id") == "execution")
    assert start["shell"] == "bash"
    return start["run"], next(s["run"] for s in steps if "--markdown" in s.get("run", ""))


@pytest.mark.parametrize(
    ("code", "shown"), [(0, ["## Metrics"]), (2, ["nothing to show", REFUSED, "no execution"])]
)
def test_refused_start_is_one_failed_step_with_its_reason_in_the_summary(
    tmp_path: Path, code: int, shown: list[str]
) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN)
    python.chmod(0o755)
    summary = tmp_path / "summary.md"
    environment = {
        **os.environ,
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_RUN_ID": "1",
        "GITHUB_RUN_ATTEMPT": "1",
        "RUNNER_TEMP": str(tmp_path),
        "PARAMETERS": '-p "Classes=0-5"',
        "START_SAYS": REFUSED,
        "START_CODE": str(code),
    }
    codes = [
        # As the runner does for `shell: bash`, and by default.
        subprocess.run(["bash", *options, "-c", script], cwd=tmp_path, env=environment).returncode
        for options, script in zip((["-eo", "pipefail"], ["-e"]), scripts(), strict=True)
    ]
    assert codes == [code, 0]
    text = summary.read_text()
    assert all(part in text for part in shown)
