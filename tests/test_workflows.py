"""Every workflow: its commands are run by a test, or there is a reason; its actions and rights."""

import ast
import re
import subprocess
from typing import Any

import pytest
from github_job import FILES, Job, read
from workplace import ROOT

E2E = "tests/end_to_end/"
GITHUB = E2E + "test_github_workflows.py::"
RETRAIN = (
    "tests/test_retrain_workflow.py"
    "::test_a_run_that_could_not_start_is_one_failed_step_with_its_reason_once"
)
MAIN_JOB = GITHUB + "test_a_pull_requests_metrics_stand_beside_those_of_the_base_branch"
APPROVAL = GITHUB + "test_an_approval_from_github_serves_the_version"
REGISTERS = (
    E2E + "test_retrain.py"
    "::test_the_workflow_registers_a_version_and_writes_its_metrics_to_the_summary"
)
SETUP = "it makes the environment that the tests run in; that make has the target is tested below"
# By file and step: the test that runs the step's commands.
RUN_BY = {
    ("retrain.yml", "Set up"): RETRAIN,
    ("retrain.yml", "Push missing images to ECR"): RETRAIN,
    ("retrain.yml", "Upsert the pipeline"): REGISTERS,
    ("retrain.yml", "Start an execution and wait until it ends"): REGISTERS,
    ("retrain.yml", "Stop the execution if the job was cancelled"): (
        E2E + "test_retrain.py::test_cancelling_the_job_stops_its_execution"
    ),
    (
        "retrain.yml",
        "Show metrics and the pending model version, or why nothing was started",
    ): REGISTERS,
    ("pull-request.yml", "Draw bins"): MAIN_JOB,
    ("pull-request.yml", "Train and approve the base branch's model"): MAIN_JOB,
    ("pull-request.yml", "Stop the base branch's emulator"): MAIN_JOB,
    ("pull-request.yml", "Train the pull request's model"): MAIN_JOB,
    ("pull-request.yml", "Write the comment"): MAIN_JOB,
    ("pull-request.yml", "Write or update the one comment"): (
        GITHUB + "test_there_is_one_comment_which_later_runs_update"
    ),
    ("approve.yml", "Approve the version"): APPROVAL,
    ("approve.yml", "Wait until the endpoint serves it"): APPROVAL,
    ("approve.yml", "Reject the version"): (
        GITHUB + "test_a_rejection_from_github_is_kept_with_its_reason"
    ),
    ("approve.yml", "Show what was decided, or why nothing was"): APPROVAL,
}
# By file and step: why no test runs it.
NOT_RUN = {
    ("ci.yml", "Install actionlint"): "it needs Go and the network",
    ("ci.yml", "Lint and scan"): "it checks these tests, too",
    ("ci.yml", "Test"): "it runs these tests",
    ("ci.yml", "Test the pages in a browser"): "it runs other tests, in a browser",
    ("ci.yml", "Shrink uv's cache"): "it would delete from this machine's cache",
    ("containers.yml", "Build, run and push the images"): "it runs other tests, in containers",
    ("pull-request.yml", "Set up"): SETUP,
    ("pull-request.yml", "Set up the base branch"): SETUP,
    ("approve.yml", "Set up"): SETUP,
}
# The first release of each action that runs on Node 24; GitHub's runners no longer have Node 20.
NODE_24 = {
    "actions/cache": 5,
    "actions/checkout": 5,
    "actions/download-artifact": 7,
    "actions/setup-python": 6,
    "actions/upload-artifact": 6,
    "aws-actions/configure-aws-credentials": 6,
}
NAMES = [file.name for file in FILES]


def jobs(file: str) -> dict[str, dict[str, Any]]:
    return dict(read(file)["jobs"])


def test_every_command_is_run_by_a_test_or_there_is_a_reason() -> None:
    commands = [
        (file, name)
        for file in NAMES
        for job in jobs(file)
        for name in Job(file, job, {}).commands()
    ]
    assert len(commands) == len(set(commands))
    assert sorted(commands) == sorted([*RUN_BY, *NOT_RUN])


def test_the_tests_that_run_commands_exist() -> None:
    for test in set(RUN_BY.values()):
        path, _, function = test.partition("::")
        tree = ast.parse((ROOT / path).read_text())
        assert function in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_every_target_of_make_exists() -> None:
    runs = [
        step.get("run", "")
        for file in NAMES
        for job in jobs(file).values()
        for step in job["steps"]
    ]
    targets = {match for run in runs for match in re.findall(r"make (?:-C base )?([a-z-]+)", run)}
    assert {"setup", "lint", "test", "images"} <= targets
    for target in targets:
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, f"make {target}\n{done.stderr}"


@pytest.mark.parametrize("file", NAMES)
def test_actions_are_commits_that_run_on_githubs_runners(file: str) -> None:
    """Somebody else's tag may be moved to other code; a commit cannot change."""
    text = (ROOT / ".github" / "workflows" / file).read_text()
    used = re.findall(r"uses: (\S+)@(\S+) # v(\d+)\.\d+\.\d+", text)
    assert len(used) == text.count("uses: ")
    for action, commit, release in used:
        assert re.fullmatch("[0-9a-f]{40}", commit), action
        assert int(release) >= NODE_24[action], action


def test_an_action_is_the_same_commit_everywhere() -> None:
    texts = "".join(file.read_text() for file in FILES)
    used = set(re.findall(r"uses: (\S+)@(\S+)", texts))
    assert len(used) == len({action for action, _ in used})


@pytest.mark.parametrize("file", NAMES)
def test_rights_are_given_to_jobs_and_no_credential_stays_in_a_checkout(file: str) -> None:
    assert read(file)["permissions"] == {}
    for job in jobs(file).values():
        assert job["timeout-minutes"] <= 360
        assert "permissions" in job
        for step in job["steps"]:
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", NAMES)
def test_runs_of_a_workflow_do_not_get_in_each_others_way(file: str) -> None:
    assert read(file)["concurrency"]["group"]


def test_no_job_both_runs_a_pull_requests_code_and_may_write() -> None:
    for file in NAMES:
        workflow = read(file)
        assert "pull_request_target" not in workflow[True]
        if "pull_request" in workflow[True]:
            for job in workflow["jobs"].values():
                writes = "write" in job["permissions"].values()
                runs_its_code = any("checkout" in step.get("uses", "") for step in job["steps"])
                assert not (writes and runs_its_code)


def test_no_cache_reaches_a_job_that_signs_in_to_aws() -> None:
    for file in NAMES:
        for job in jobs(file).values():
            used = " ".join(step.get("uses", "") for step in job["steps"])
            if "configure-aws-credentials" in used:
                assert "actions/cache" not in used
                assert job["permissions"]["id-token"] == "write"
            else:
                assert "id-token" not in job["permissions"]


def test_packages_are_installed_before_a_job_signs_in_to_aws() -> None:
    """An installer could run code of a package with the role's credentials."""
    signing = 0
    for file in NAMES:
        for job in jobs(file).values():
            used = [step.get("uses", "") for step in job["steps"]]
            at = next((i for i, name in enumerate(used) if "configure-aws" in name), None)
            if at is not None:
                signing += 1
                names = [step.get("name") for step in job["steps"]]
                assert names.index("Set up") < at, file
    assert signing == 2
