"""The steps of the retraining workflow, with stand-ins for `make` and the command line."""

import os
from pathlib import Path

import pytest
from github_job import Job

JOB = Job(
    "retrain.yml",
    "retrain",
    {
        "vars.AWS_REGION || 'us-east-1'": "us-east-1",
        "inputs.parameters": '-p "Classes=0-5"',
        "vars.DATA_SOURCE != '' && format('-p DataSource={0} -p DataVersion=run-{1}', "
        "vars.DATA_SOURCE, github.run_id) || ''": "",
        "vars.MAX_COST != '' && format('--max-cost {0}', vars.MAX_COST) || ''": "--max-cost 50",
        "steps.execution.outcome": "replaced",
        "steps.credentials.outcome": "replaced",
    },
)
SETUP, IMAGES, UPSERT, START, _, SHOW = JOB.commands()
REFUSED = "Error: it was refused."
# Fails where $FAILS names it; the execution exists unless it was refused.
STAND_IN = """#!/bin/bash
command=$([ "$1" = pipeline.py ] && echo "$2" || echo "$1")
[ "$command" = status ] || echo "output of $command"
case "$FAILS" in *"$command"*) echo "Error: it was refused." >&2; exit 2 ;; esac
[ "$command" = status ] && echo "## Metrics"
exit 0
"""


def run(folder: Path, fails: str, signed_in: bool = True) -> tuple[dict[str, int], str]:
    """Run the steps as GitHub does, until one fails, and the last one; exit codes, summary.

    Args:
        folder: An empty folder.
        fails: The command that fails; with `start`, whether `status` fails, too.
        signed_in: Whether the sign-in to AWS succeeded.
    """
    python, make = folder / ".venv" / "bin" / "python", folder / "bin" / "make"
    for program in (python, make):
        program.parent.mkdir(parents=True)
        program.write_text(STAND_IN)
        program.chmod(0o755)
    summary = folder / "summary.md"
    environment = {
        "PATH": f"{make.parent}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_RUN_ID": "1",
        "GITHUB_RUN_ATTEMPT": "1",
        "RUNNER_TEMP": str(folder),
        "FAILS": fails,
        "SIGNED_IN": "skipped",
        "STARTED": "skipped",
    }
    codes: dict[str, int] = {}
    for name in (SETUP, IMAGES, UPSERT, START):
        if name == IMAGES:  # the sign-in is before it
            environment["SIGNED_IN"] = "success" if signed_in else "failure"
            if not signed_in:
                break
        codes[name] = JOB.run(name, folder, environment).returncode
        if name == START:
            environment["STARTED"] = "failure" if codes[name] else "success"
        if codes[name]:
            break
    codes[SHOW] = JOB.run(SHOW, folder, environment).returncode
    return codes, summary.read_text()


def test_the_summary_of_a_run_is_its_metrics(tmp_path: Path) -> None:
    codes, summary = run(tmp_path, fails="nothing")
    assert set(codes.values()) == {0}
    assert "## Metrics" in summary and "no execution" not in summary


def test_an_execution_that_fails_is_shown_with_its_metrics(tmp_path: Path) -> None:
    codes, summary = run(tmp_path, fails="start")
    assert codes[START] != 0 and codes[SHOW] == 0
    assert "## Metrics" in summary and REFUSED not in summary


@pytest.mark.parametrize(
    ("fails", "step"),
    [("setup", SETUP), ("images", IMAGES), ("upsert", UPSERT), ("start status", START)],
)
def test_a_run_that_could_not_start_is_one_failed_step_with_its_reason_once(
    tmp_path: Path, fails: str, step: str
) -> None:
    codes, summary = run(tmp_path, fails)
    assert [name for name, code in codes.items() if code] == [step]
    assert "There is no execution" in summary
    assert summary.count(REFUSED) == 1
    # Only of the step that failed.
    assert summary.count("output of") == 1


def test_a_refused_sign_in_names_the_page_about_it(tmp_path: Path) -> None:
    codes, summary = run(tmp_path, fails="nothing", signed_in=False)
    assert codes == {SETUP: 0, SHOW: 0}
    assert "sign-in to AWS failed" in summary and "docs/aws.md" in summary
    assert "output of" not in summary
