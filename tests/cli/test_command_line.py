"""The command line as a person runs it, against an emulator with a pipeline of two quick steps."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import typer
from typer.testing import CliRunner

import pipeline

ROOT = Path(__file__).resolve().parent.parent.parent
# The shape of the real pipeline's end, without its work: the threshold decides.
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "AccuracyThreshold", "Type": "Float", "DefaultValue": 0.0},
        {"Name": "DataSource", "Type": "String"},
    ],
    "Steps": [
        {
            "Name": "CheckAccuracy",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {
                        "Type": "LessThanOrEqualTo",
                        "LeftValue": {"Get": "Parameters.AccuracyThreshold"},
                        "RightValue": 0.5,
                    }
                ],
                "IfSteps": [],
                "ElseSteps": [
                    {
                        "Name": "AccuracyTooLow",
                        "Type": "Fail",
                        "Arguments": {"ErrorMessage": "accuracy 0.5 is below the threshold"},
                    }
                ],
            },
        }
    ],
}
BINS = "s3://tally-us-east-1-123456789012/bins/"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    state = tmp_path_factory.mktemp("cli") / "emulator"
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PIPELINE_"))}
    yield {**keep, "EMULATOR_STATE": str(state), "PYTHONDONTWRITEBYTECODE": "", "COLUMNS": "200"}
    down = [sys.executable, "-m", "sagemaker_emulator", "down", "--state", str(state)]
    subprocess.run(down, cwd=ROOT, capture_output=True, timeout=60, check=True)


@pytest.fixture(scope="module")
def run(environment):
    def call(*arguments):
        return subprocess.run(
            [sys.executable, "pipeline.py", *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


@pytest.fixture(scope="module")
def fresh(run):
    """An emulator where nothing but `setup` has been done."""
    assert run("setup").returncode == 0
    return run


@pytest.fixture(scope="module")
def upserted(fresh, environment):
    server = json.loads((Path(environment["EMULATOR_STATE"]) / "server.json").read_text())
    client = boto3.client(
        "sagemaker",
        endpoint_url=server["url"],
        region_name="us-east-1",
        aws_access_key_id="emulator",
        aws_secret_access_key="emulator",
    )
    role = "arn:aws:iam::123456789012:role/tally-execution"
    definition = json.dumps(DEFINITION)
    client.create_pipeline(PipelineName="tally", PipelineDefinition=definition, RoleArn=role)
    return fresh


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("start", "-p", f"DataSource={BINS}"), "pipeline.py upsert", id="start"),
        pytest.param(("list",), "pipeline.py upsert", id="list"),
        pytest.param(("approve",), "Nothing to approve", id="approve"),
        pytest.param(("promote", "3"), "has no version 3", id="promote"),
        pytest.param(("promote", "x"), "not a model version", id="promote-what"),
        pytest.param(("rollback",), "There is no endpoint tally yet", id="rollback"),
        pytest.param(("endpoint", "--wait"), "There is no endpoint tally yet", id="endpoint"),
        pytest.param(("predict", "README.md"), "README.md: ", id="predict-text"),
        pytest.param(("predict", "none.jpg"), "there is no such file", id="predict-missing"),
        pytest.param(("start", "-p", "MaxTrial=3"), "did you mean MaxTrials", id="parameter"),
        pytest.param(("start", "-p", "MaxTrials=a"), "whole number", id="parameter-type"),
        pytest.param(("--target", "moon", "list"), "no target 'moon'", id="target"),
    ],
)
def test_what_cannot_be_done_says_what_to_do_and_fails(fresh, arguments, message):
    done = fresh(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_parameters_are_listed(fresh):
    shown = fresh("parameters").stdout
    assert re.search(r"AccuracyThreshold +0\.2 .*Allowed: from 0 to 1\.", shown)
    listed = json.loads(fresh("parameters", "--json").stdout)
    assert len(listed) == 23
    assert {
        key: value
        for one in listed
        if one["name"] == "MaxTrials"
        for key, value in one.items()
        if key not in ("help", "allowed")
    } == {"name": "MaxTrials", "type": "Integer", "default": 3}


def test_nothing_yet_is_said_with_what_makes_it(upserted):
    done = upserted("list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "python pipeline.py start" in done.stderr
    done = upserted("models")
    assert (done.returncode, done.stdout) == (0, "")
    assert "an execution that passes CheckAccuracy registers one" in done.stderr


def test_start_shows_the_steps_and_succeeds(upserted):
    done = upserted("start", "-p", f"DataSource={BINS}", "-p", "AccuracyThreshold=0.1")
    assert done.returncode == 0, done.stderr
    assert "CheckAccuracy (Condition) Succeeded" in done.stdout
    steps = {s["name"]: s for s in json.loads(upserted("status", "--json").stdout)["steps"]}
    assert steps["AccuracyTooLow"]["status"] == "Skipped"


def test_a_failed_execution_fails_with_its_reason(upserted):
    done = upserted("start", "-p", f"DataSource={BINS}", "-p", "AccuracyThreshold=0.9")
    assert done.returncode == 1
    assert "AccuracyTooLow: accuracy 0.5 is below the threshold" in done.stderr
    assert "Failed" in upserted("status").stdout
    assert "Failed" in upserted("status", "--markdown").stdout
    assert "Failed" in upserted("list").stdout
    assert "Steps: CheckAccuracy, AccuracyTooLow" in upserted("logs", "Trian").stderr
    assert "writes no log" in upserted("logs", "CheckAccuracy").stderr
    assert "nothing to stop" in upserted("stop").stderr
    assert "has no execution zzz" in upserted("status", "zzz").stderr


def test_an_execution_is_found_by_its_name_whatever_was_started_after_it(upserted, tmp_path):
    named, after = (
        upserted("start", "--no-wait", "-p", f"DataSource={BINS}", *name).stdout.strip()
        for name in (("--name", "spring-1"), ())
    )
    assert json.loads(upserted("status", "spring-1", "--json").stdout)["id"] == named
    assert json.loads(upserted("status", "--json").stdout)["id"] == after
    written = upserted("report", "spring-1", "--output", tmp_path).stdout.strip()
    assert written == str(tmp_path / named / "report.html")
    assert "has no execution spring" in upserted("status", "spring").stderr
    rows = {cells[0]: cells for cells in map(str.split, upserted("list").stdout.splitlines())}
    assert rows["execution"][:3] == ["execution", "name", "status"]
    assert (rows[named][1], rows[after][1]) == ("spring-1", "Succeeded")


@pytest.mark.parametrize("name", ["spring_1", "-spring", "spring-", "a" * 83, ""])
def test_a_name_that_sagemaker_would_refuse_is_refused_here(upserted, name):
    done = upserted("start", "--name", name, "-p", f"DataSource={BINS}")
    assert done.returncode == 1
    assert f"--name: an execution cannot be called '{name}'; give up to 82" in done.stderr


@pytest.mark.parametrize("before", [True, False], ids=["before-the-verb", "after-the-verb"])
def test_the_target_is_named_before_or_after_the_verb(fresh, before):
    target = ("--target", "local")
    done = fresh(*target, "models") if before else fresh("models", *target)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_while_the_program_is_imported_leaves_no_traceback(environment, tmp_path):
    """Typer is what is imported first; this one is interrupted there."""
    interrupted = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport nowhere\n"
    (tmp_path / "typer.py").write_text(interrupted)
    done = subprocess.run(
        [sys.executable, "pipeline.py", "status"],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.fixture
def elsewhere(environment, tmp_path):
    """Types `python pipeline.py WORDS` in another folder, where the state is not said."""

    def call(*words, **variables):
        return subprocess.run(
            [sys.executable, str(ROOT / "pipeline.py"), *words],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


def test_the_repositorys_emulator_is_met_from_any_folder(elsewhere):
    done = elsewhere("emulator", "status", EMULATOR_STATE="")
    assert str(ROOT / ".emulator") in done.stdout


def test_the_emulator_starts_in_any_folder_with_the_repositorys_images(elsewhere, tmp_path):
    state = {"EMULATOR_STATE": str(tmp_path / "state")}
    done = elsewhere("emulator", "up", **state)
    try:
        assert done.returncode == 0, done.stderr
        status = json.loads(elsewhere("emulator", "status", "--json", **state).stdout)
        assert status["images"] == str(ROOT / "containers")
    finally:
        elsewhere("emulator", "down", **state)
    refused = elsewhere("emulator", "up", "--images", "none", **state)
    assert f"there is no folder {tmp_path / 'none'}" in refused.stderr


def test_the_emulators_commands_can_be_pasted_in_any_folder(elsewhere, tmp_path):
    state = tmp_path / "state"
    absent = elsewhere("emulator", "env", EMULATOR_STATE=str(state))
    assert absent.returncode == 1
    command = f"{sys.executable} {ROOT / 'pipeline.py'} emulator up --state {state}"
    assert absent.stderr == f"emulator: not running; start it with: {command}\n"
    assert "usage: python pipeline.py emulator [-h]" in elsewhere("emulator").stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("upsert", ["upsert"]),
        ("upsert start -p A=1", ["upsert", "start -p A=1"]),
        ("-t aws upsert start", ["-t aws upsert", "-t aws start"]),
        ("start", ["start"]),
        ("upsert --dry-run start", ["upsert --dry-run start"]),
    ],
)
def test_upsert_start_is_two_calls(line, expected):
    assert [" ".join(call) for call in pipeline.calls(line.split())] == expected


@pytest.mark.parametrize("verb", ["", *typer.main.get_command(pipeline.app).commands])
def test_help_shows_flags_without_a_type_and_what_is_given_in_capitals(verb):
    shown = CliRunner().invoke(pipeline.app, [verb, "--help"] if verb else ["--help"])
    assert shown.exit_code == 0
    if verb == "emulator":
        return  # it answers with the emulator's own
    assert "--help" in shown.output
    assert "<bool>" not in shown.output
    (usage,) = [line for line in shown.output.splitlines() if "Usage:" in line]
    assert [name for name in re.findall(r"[{\[](\w+)", usage) if not name.isupper()] == []


@pytest.mark.parametrize("verb", ["list", "models", "status", "report", "predict", "start"])
def test_no_verb_but_upsert_imports_the_sdk(environment, verb, tmp_path):
    code = (
        "import sys, pipeline; pipeline.main(sys.argv[1:]);"
        "print('sagemaker' in sys.modules, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, verb]
    elsewhere = environment | {"PYTHONPATH": str(ROOT)}  # where a report may be written
    done = subprocess.run(command, cwd=tmp_path, env=elsewhere, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False False"


def test_help_imports_neither_boto3_nor_a_settings_reader(environment):
    code = (
        "import sys, pipeline; pipeline.main(['--help']);"
        "print({'boto3', 'botocore', 'pydantic', 'yaml', 'jinja2'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()"
