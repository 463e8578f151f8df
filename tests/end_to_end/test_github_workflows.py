"""The commands of pull-request.yml and approve.yml, run as GitHub runs them, on the emulator.

The tests run in order: the version that the pull request's main job registers is approved, then
rejected.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from github_job import Job
from workplace import ROOT, TINY, Workplace

SUMMARY = "GITHUB_STEP_SUMMARY"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout, with the base branch's in its folder `base`: here, they are the same."""
    folder = tmp_path_factory.mktemp("workspace")
    for entry in ROOT.iterdir():
        if entry.name not in (".git", ".tally", ".emulator"):
            (folder / entry.name).symlink_to(entry)
    (folder / "base").symlink_to(ROOT)
    return folder


@pytest.fixture(scope="module")
def environment(workspace: Path) -> Iterator[dict[str, str]]:
    """What the runner and the workflow set; parameters are tiny, the target is local."""
    temporary = workspace / "runner-temp"
    temporary.mkdir()
    source = {"DataSource": str(workspace / ".tally/bins"), "Classes": "1-5"}
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PIPELINE_"))},
        "COLUMNS": "200",
        "EMULATOR_STATE": str(workspace / ".emulator"),
        "GITHUB_ACTOR": "ada",
        "GITHUB_REPOSITORY": "owner/tally",
        "GITHUB_RUN_ID": "172",
        "PARAMETERS": " ".join(f"-p {name}={value}" for name, value in {**TINY, **source}.items()),
        "PIPELINE_TARGET": "local",
        "RUNNER_TEMP": str(temporary),
        SUMMARY: str(temporary / "summary.md"),
    }
    yield environment
    Workplace(workspace, workspace, environment).run("emulator", "down", check=None)


@pytest.fixture(scope="module")
def place(workspace: Path, environment: dict[str, str]) -> Workplace:
    return Workplace(workspace, workspace / ".tally/bins", environment)


def taken(environment: dict[str, str]) -> str:
    """The job's summary so far, which is then emptied."""
    file = Path(environment[SUMMARY])
    text = file.read_text() if file.exists() else ""
    file.unlink(missing_ok=True)
    return text


def test_a_pull_requests_metrics_stand_beside_those_of_the_base_branch(
    workspace: Path, environment: dict[str, str], place: Workplace
) -> None:
    job = Job(
        "pull-request.yml",
        "main-job",
        {"github.workspace": str(workspace)},
    )
    assert job.commands()[:2] == ["Set up", "Set up the base branch"]
    for name in job.commands()[2:]:
        done = job.run(name, workspace, environment)
        assert done.returncode == 0, f"{name}\n{done.stdout}\n{done.stderr}"

    assert [model["approval"] for model in place.models()] == ["PendingManualApproval", "Approved"]
    comment = (Path(environment["RUNNER_TEMP"]) / "comment" / "comment.md").read_text()
    assert comment.startswith("<!-- tally")
    _, _, beside = comment.partition("| test metric | this model | approved version 1 |\n")
    rows = [line.split(" | ") for line in beside.partition("\n\n")[0].splitlines()[1:]]
    assert "accuracy" in [row[0].strip("| ") for row in rows]
    # The same code on the same bins: so are the metrics.
    assert all(row[1] == row[2].rstrip(" |") for row in rows)
    assert taken(environment) == comment


def test_a_pull_request_that_cannot_start_says_why_in_its_comment(
    workspace: Path, environment: dict[str, str]
) -> None:
    job = Job("pull-request.yml", "main-job", {"github.workspace": str(workspace)})
    temporary = workspace / "refused"
    temporary.mkdir()
    wrong = {**environment, "PARAMETERS": "-p Sed=1", "RUNNER_TEMP": str(temporary)}
    # Another state: in this one, the execution of the test above is found.
    wrong["EMULATOR_STATE"] = str(temporary / "emulator")
    try:
        assert job.run("Train the pull request's model", workspace, wrong).returncode != 0
        assert job.run("Write the comment", workspace, wrong).returncode == 0
    finally:
        Workplace(workspace, workspace, wrong).run("emulator", "down", check=None)
    comment = (temporary / "comment" / "comment.md").read_text()
    assert comment.startswith("<!-- tally")
    assert "was not trained" in comment and "no parameter 'Sed'" in comment
    taken(environment)


GH = """#!/bin/bash
# Stands for GitHub: keeps each request, and answers the list of comments.
printf '%s\\n' "$*" >> "$REQUESTS"
case "$*" in *--paginate*) printf '%s' "$EARLIER" ;; esac
"""


@pytest.mark.parametrize(
    ("earlier", "request_line"),
    [
        ("", "--method POST repos/owner/tally/issues/7/comments"),
        ("41\n", "--method PATCH repos/owner/tally/issues/comments/41"),
        ("41\n42\n", "--method PATCH repos/owner/tally/issues/comments/41"),
    ],
)
def test_there_is_one_comment_which_later_runs_update(
    tmp_path: Path, earlier: str, request_line: str
) -> None:
    job = Job(
        "pull-request.yml",
        "comment",
        {"github.token": "token", "github.event.pull_request.number": "7"},
    )
    (tmp_path / "comment").mkdir()
    (tmp_path / "comment" / "comment.md").write_text("<!-- tally: x -->\n" + "metrics\n" * 9000)
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_REPOSITORY": "owner/tally",
        "REQUESTS": str(tmp_path / "requests"),
        "EARLIER": earlier,
    }
    (name,) = job.commands()
    done = job.run(name, tmp_path, environment)
    assert done.returncode == 0, done.stderr
    listed, written = (tmp_path / "requests").read_text().splitlines()
    assert "--paginate repos/owner/tally/issues/7/comments" in listed
    assert request_line in written
    body = Path(written.partition("body=@")[2].split()[0])
    assert body.read_text().startswith("<!-- tally: x -->") and body.stat().st_size < 65_536


def decide(
    workspace: Path, environment: dict[str, str], version: str, decision: str
) -> tuple[list[int], str]:
    """Run the workflow's commands; the exit codes, and the summary.

    A step that follows a failed one is left out, as GitHub does, except the last.
    """
    job = Job(
        "approve.yml",
        "approve",
        {
            "vars.AWS_REGION || 'us-east-1'": "us-east-1",
            "inputs.version": version,
            "inputs.note": "reviewed",
            "inputs.accept": "true",
        },
    )
    codes: list[int] = []
    for name in job.commands()[1:]:
        condition = job.step(name)["if"]
        if condition != "always()" and (
            condition != f"inputs.decision == '{decision}'" or any(codes)
        ):
            continue
        codes.append(job.run(name, workspace, environment).returncode)
    return codes, taken(environment)


def test_an_approval_from_github_serves_the_version(
    workspace: Path, environment: dict[str, str], place: Workplace
) -> None:
    codes, summary = decide(workspace, environment, "2", "approve")
    assert codes == [0, 0, 0], summary
    assert "Version 2 is approved" in summary
    newest = place.models()[0]
    assert (newest["version"], newest["approval"], newest["serving"]) == (2, "Approved", True)
    assert newest["note"] == "reviewed (ada, run 172)"


def test_a_rejection_from_github_is_kept_with_its_reason(
    workspace: Path, environment: dict[str, str], place: Workplace
) -> None:
    codes, summary = decide(workspace, environment, "2", "reject")
    assert codes == [0, 0], summary
    assert "Version 2 is rejected" in summary
    newest = place.models()[0]
    assert (newest["version"], newest["approval"]) == (2, "Rejected")


def test_an_approval_of_no_version_says_why_in_the_summary(
    workspace: Path, environment: dict[str, str]
) -> None:
    codes, summary = decide(workspace, environment, "77", "approve")
    assert codes[0] != 0 and codes[1:] == [0]
    assert "has no version 77" in summary


def test_the_approval_job_is_of_the_protected_environment() -> None:
    """GitHub checks the environment's reviewers, and AWS the environment's name in the token."""
    job = Job("approve.yml", "approve", {}).content
    assert job["environment"] == "production"
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert json.dumps(job).count("secrets.") == 0
