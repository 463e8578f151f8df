"""`upsert --dry-run` and `--diff`: what they ask of the target, and what they print."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.command_line import ROOT, CommandLine

DRY_RUN = ("--target", "aws", "upsert", "--dry-run")
# In every Python process: whoever opens a connection fails.
NO_NETWORK = """
import socket
def refuse(*arguments):
    raise AssertionError("this process must not use the network")
socket.getaddrinfo = socket.socket.connect = socket.socket.connect_ex = refuse
"""


@pytest.fixture
def alone(tmp_path: Path) -> CommandLine:
    """A command line without network, credentials or an emulator."""
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    line = CommandLine(tmp_path / "state")
    path = os.pathsep.join([str(tmp_path), line.environment.get("PYTHONPATH", "")])
    line.environment.update(PYTHONPATH=path, HOME=str(tmp_path), AWS_EC2_METADATA_DISABLED="true")
    return line


def test_a_dry_run_for_a_named_account_needs_neither_network_nor_credentials(
    alone: CommandLine,
) -> None:
    # A bucket of its own: the definition is not kept from an earlier run, but compiled.
    bucket = f"tally-{uuid4().hex}"
    done = alone.run(*DRY_RUN, PIPELINE_ACCOUNT="210987654321", PIPELINE_BUCKET=bucket)
    assert done.returncode == 0, done.stderr
    definition = json.loads(done.stdout)
    assert "Compiling" in done.stderr
    assert "210987654321" in json.dumps(definition) and bucket in json.dumps(definition)


def test_a_dry_run_for_an_unnamed_account_says_how_to_sign_in(alone: CommandLine) -> None:
    done = alone.run(*DRY_RUN)
    assert done.returncode == 1
    assert "aws sso login" in done.stderr


def test_a_dry_run_for_an_unnamed_account_asks_aws_for_it(alone: CommandLine) -> None:
    """So the test above would fail if a connection were opened."""
    done = alone.run(*DRY_RUN, AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret")
    assert done.returncode == 1
    assert "must not use the network" in done.stderr


def test_a_local_dry_run_starts_no_emulator(alone: CommandLine) -> None:
    done = alone.run("upsert", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert not alone.state.exists()


@pytest.fixture(scope="module")
def upserted(fresh: CommandLine) -> Iterator[CommandLine]:
    first = fresh.run("upsert", "--diff")
    assert first.returncode == 0 and "would create it" in first.stdout, first.stderr
    done = fresh.run("upsert")
    assert done.returncode == 0, done.stderr
    yield fresh


def test_a_difference_is_told_step_by_step_and_nothing_is_changed(upserted: CommandLine) -> None:
    shown = upserted.run("upsert", "--diff", PIPELINE_TRAINING_LABEL_WIDTH="0.8")
    assert shown.returncode == 0, shown.stderr
    assert "hyperparameter label-width: 0.6 -> 0.8" in shown.stdout
    assert "Evaluate  it takes a result of Train" in shown.stdout
    assert "Prepare" in shown.stdout.splitlines()[-1]
    assert upserted.run("upsert", "--diff").stdout.startswith("Nothing would change")


def test_a_difference_in_json_has_the_values(upserted: CommandLine) -> None:
    done = upserted.run("upsert", "--diff", "--json", PIPELINE_TUNING_MAX_TRIALS="5")
    document = json.loads(done.stdout)
    (change,) = document["changes"]["parameters"]
    assert change == {"what": "MaxTrials", "before": "3", "after": "5"}
    assert "Tune" in document["run_again"] and "Prepare" in document["from_the_cache"]


@pytest.mark.parametrize(
    "words", [["--dry-run", "--diff"], ["--json"], ["--diff", "start"], ["--dry-run", "start"]]
)
def test_what_does_not_go_together_is_refused(line: CommandLine, words: list[str]) -> None:
    assert line.run("upsert", *words, cwd=ROOT).returncode == 2
