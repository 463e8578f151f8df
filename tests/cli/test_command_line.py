"""The command line as a person runs it, against an emulator with a pipeline of two quick steps."""

import json
import re
import signal
from pathlib import Path

import pytest

import pipeline
from tests.cli.command_line import CommandLine

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
def upserted(fresh: CommandLine) -> CommandLine:
    """An emulator that also has the pipeline."""
    fresh.client("sagemaker").create_pipeline(
        PipelineName="tally",
        PipelineDefinition=json.dumps(DEFINITION),
        RoleArn="arn:aws:iam::123456789012:role/tally-execution",
    )
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
def test_a_refused_command_explains_what_to_do(
    fresh: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    done = fresh.run(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_parameter_without_its_option_is_refused_with_the_command_that_sets_it(
    line: CommandLine,
) -> None:
    done = line.run("start", "MaxTrials=2", "Seed=1")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "Error: unexpected argument: MaxTrials=2 Seed=1",
        "To set a pipeline parameter: python pipeline.py start -p MaxTrials=2 -p Seed=1",
    ]


def test_the_parameters_are_listed(fresh: CommandLine) -> None:
    shown = fresh.run("parameters").stdout
    assert re.search(r"AccuracyThreshold +0\.2 .*Allowed: a number from 0 to 1\.", shown)
    listed = {one["name"]: one for one in json.loads(fresh.run("parameters", "--json").stdout)}
    assert len(listed) == 29
    assert set(listed["MaxTrials"]) == {"name", "type", "default", "help", "allowed"}
    assert (listed["MaxTrials"]["type"], listed["MaxTrials"]["default"]) == ("Integer", 3)


def test_an_empty_list_names_the_command_that_fills_it(upserted: CommandLine) -> None:
    done = upserted.run("list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "python pipeline.py start" in done.stderr
    done = upserted.run("models")
    assert (done.returncode, done.stdout) == (0, "")
    assert "an execution that passes CheckAccuracy registers one" in done.stderr


def test_start_shows_the_steps_and_succeeds(upserted: CommandLine) -> None:
    done = upserted.run("start", "-p", f"DataSource={BINS}", "-p", "AccuracyThreshold=0.1")
    assert done.returncode == 0, done.stderr
    assert "CheckAccuracy (Condition) Succeeded" in done.stdout
    steps = {s["name"]: s for s in json.loads(upserted.run("status", "--json").stdout)["steps"]}
    assert steps["AccuracyTooLow"]["status"] == "Skipped"


def test_a_failed_execution_fails_with_its_reason(upserted: CommandLine) -> None:
    done = upserted.run("start", "-p", f"DataSource={BINS}", "-p", "AccuracyThreshold=0.9")
    assert done.returncode == 1
    assert "AccuracyTooLow: accuracy 0.5 is below the threshold" in done.stderr
    assert "Failed" in upserted.run("status").stdout
    assert "Failed" in upserted.run("status", "--markdown").stdout
    listed = upserted.run("list").stdout
    assert "Failed" in listed and "accuracy 0.5 is below the threshold" in listed
    assert "Steps: CheckAccuracy, AccuracyTooLow" in upserted.run("logs", "Trian").stderr
    assert "writes no log" in upserted.run("logs", "CheckAccuracy").stderr
    assert "nothing to stop" in upserted.run("stop").stderr
    assert "has no execution zzz" in upserted.run("status", "zzz").stderr


def test_an_execution_is_found_by_its_name_after_later_ones(
    upserted: CommandLine, tmp_path: Path
) -> None:
    named, later = (
        upserted.run("start", "--no-wait", "-p", f"DataSource={BINS}", *name).stdout.strip()
        for name in (("--name", "spring-1"), ())
    )
    assert json.loads(upserted.run("status", "spring-1", "--json").stdout)["id"] == named
    assert json.loads(upserted.run("status", "--json").stdout)["id"] == later
    written = upserted.run("report", "spring-1", "--output", tmp_path).stdout.strip()
    assert written == str(tmp_path / named / "report.html")
    assert "has no execution spring" in upserted.run("status", "spring").stderr
    rows = {cells[0]: cells for cells in map(str.split, upserted.run("list").stdout.splitlines())}
    assert rows["execution"][:3] == ["execution", "name", "status"]
    assert (rows[named][1], rows[later][1]) == ("spring-1", "Succeeded")


def test_the_list_shows_data_and_changed_parameters(upserted: CommandLine) -> None:
    upserted.run("start", "-p", f"DataSource={BINS}", "-p", "AccuracyThreshold=0.25")
    row = upserted.run("list", "-n", "1").stdout.splitlines()[-1]
    assert row.split()[-2:] == ["bins", "AccuracyThreshold=0.25"]
    (listed,) = json.loads(upserted.run("list", "-n", "1", "--json").stdout)
    assert listed["Parameters"] == {"AccuracyThreshold": "0.25", "DataSource": BINS}


def test_two_executions_are_compared(upserted: CommandLine) -> None:
    start = ("start", "-p", f"DataSource={BINS}", "-p")
    upserted.run(*start, "AccuracyThreshold=0.75", "--name", "strict")
    upserted.run(*start, "AccuracyThreshold=0.25", "--name", "lax")
    rows = [line.split() for line in upserted.run("compare", "strict", "lax").stdout.splitlines()]
    assert ["name", "strict", "lax", "≠"] in rows
    assert ["AccuracyThreshold", "0.75", "0.25", "≠"] in rows
    assert ["source", "bins", "bins"] in rows
    assert ["DataSource", BINS, BINS] not in rows  # of the parameters, only differences
    compared = json.loads(upserted.run("compare", "strict", "--json").stdout)  # with the latest
    assert [one["name"] for one in compared["executions"]] == ["strict", "lax"]
    assert compared["parameters"][0] == {
        "label": "AccuracyThreshold", "values": ["0.75", "0.25"], "differs": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [("zzz", "has no execution zzz"), ("v7", "has no version 7")],
)
def test_only_what_exists_is_compared(upserted: CommandLine, name: str, message: str) -> None:
    done = upserted.run("compare", name)
    assert done.returncode == 1 and message in done.stderr


@pytest.mark.parametrize("name", ["spring_1", "-spring", "spring-", "a" * 83, ""])
def test_a_name_that_sagemaker_would_refuse_is_refused_here(
    upserted: CommandLine, name: str
) -> None:
    done = upserted.run("start", "--name", name, "-p", f"DataSource={BINS}")
    assert done.returncode == 1
    assert f"--name: '{name}' is not allowed; use up to 82" in done.stderr


@pytest.mark.parametrize("before", [True, False], ids=["before-the-verb", "after-the-verb"])
def test_the_target_is_named_before_or_after_the_verb(fresh: CommandLine, before: bool) -> None:
    words = ("--target", "local", "models") if before else ("models", "--target", "local")
    done = fresh.run(*words, PIPELINE_TARGET="moon")
    assert done.returncode == 0, done.stderr


def test_the_environment_names_the_target_where_no_option_does(line: CommandLine) -> None:
    assert "no target 'moon'" in line.run("list", PIPELINE_TARGET="moon").stderr


def test_ctrl_c_during_the_imports_prints_no_traceback(line: CommandLine, tmp_path: Path) -> None:
    """Typer is imported first; this one is interrupted there."""
    interrupted = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport nowhere\n"
    (tmp_path / "typer.py").write_text(interrupted)
    # A shell's background job ignores SIGINT, and so would the command.
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = line.run("status", PYTHONPATH=str(tmp_path))
    finally:
        signal.signal(signal.SIGINT, ignored)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("upsert", ["upsert"]),
        ("upsert start -p A=1", ["upsert", "start -p A=1"]),
        ("-t aws upsert start", ["-t aws upsert", "-t aws start"]),
        ("start", ["start"]),
        ("upsert --dry-run start", ["upsert --dry-run start"]),
    ],
)
def test_upsert_start_is_two_calls(text: str, expected: list[str]) -> None:
    assert [" ".join(call) for call in pipeline.calls(text.split())] == expected
