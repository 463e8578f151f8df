"""AWS's notebooks are run as they are, and judged by what they start, too."""

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from emulator_process import IMAGES

import sagemaker_emulator
from suites import __main__ as command
from suites import (
    environments,
    notebook_cells,
    notebook_data,
    notebook_ends,
    notebook_suite,
    results,
)
from suites.outcomes import DIFFERS, NOT_THERE, PASSES, Result
from suites.sources import Source, SourceError

_READ = "import boto3; s3 = boto3.client('s3'); sagemaker = boto3.client('sagemaker')"
_DATA = f"s3.head_object(Bucket='sagemaker-sample-files', Key={notebook_data.ABALONE!r})"
_JOB = """
sagemaker.create_processing_job(
    ProcessingJobName="fails",
    RoleArn="arn:aws:iam::123456789012:role/emulator",
    AppSpecification={"ImageUri": "plain", "ContainerEntrypoint": ["false"]},
    ProcessingResources={
        "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    },
)
"""


def _notebook(file: Path, *cells: str) -> Path:
    code = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    made = {"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    file.write_text(json.dumps(made))
    return file


def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *cells: str) -> Result:
    """A notebook of a repository of one file, in this environment."""
    clone = tmp_path / "clone"
    clone.mkdir()
    _notebook(clone / "a.ipynb", *cells)
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "a"],
        ["tag", "1.0"],
    ):
        subprocess.run(["git", "-C", clone, *arguments], check=True)
    notebook = notebook_suite.Notebook(
        Source("https://x.example/a", "1.0", ("a.ipynb",)), "a.ipynb"
    )
    monkeypatch.setitem(notebook_suite.NOTEBOOKS, "a", notebook)
    monkeypatch.setattr(environments, "make", lambda folder, *_: folder.symlink_to(sys.prefix))
    return notebook_suite.run("a", tmp_path / "cache", [clone])


def test_a_notebook_finds_its_data_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path, monkeypatch, _READ, _DATA) == Result("a", PASSES)

    assert "s: cell 2 of 2: s3.head_object(" in capfd.readouterr().out


def test_a_job_that_fails_after_the_last_cell_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = _run(tmp_path, monkeypatch, _READ, _JOB)

    assert result.outcome == DIFFERS
    assert "processing job fails: Failed: AlgorithmError" in result.why


def test_a_cell_that_fails_is_named_with_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _notebook(tmp_path / "a.ipynb", "a = 1", "a / 0", "b = 1")

    failure = notebook_cells.execute("a", file, 60)

    assert failure
    assert (failure["cell"], failure["error"]) == ("2 of 3", "ZeroDivisionError")
    assert "cell 3" not in capsys.readouterr().out
    assert "ZeroDivisionError" in file.with_suffix(".executed.ipynb").read_text()


def test_cells_are_stopped_when_the_time_is_over(tmp_path: Path) -> None:
    file = _notebook(tmp_path / "a.ipynb", "import time", "time.sleep(60)")

    failure = notebook_cells.execute("a", file, 2)

    assert failure
    assert failure["error"] == "CellTimeoutError"


def _judge(message: str = "", bad: tuple[str, ...] = (), **makes: int) -> Result:
    notebook = notebook_suite.Notebook(
        Source("https://x.example/a", "1.0", ()),
        "a.ipynb",
        {name.replace("_", " "): count for name, count in makes.items()},
        fails="execution .*by design",
    )
    failure = {"cell": "1 of 2", "error": "E", "message": message} if message else None
    return notebook_suite.judge("a", notebook, failure, Counter({"training job": 1}), bad)


def test_what_is_refused_by_name_is_not_there() -> None:
    refused = "An error occurred (UnknownOperationException) when calling the CreateX operation: no"

    result = _judge(refused)

    assert result.outcome == NOT_THERE
    assert results.Kept.from_run("s", [result]).absent == {"aws CreateX": 1}


def test_more_or_less_than_a_notebook_is_to_make_is_a_difference() -> None:
    assert _judge(training_job=1).outcome == PASSES
    assert _judge(training_job=2).why == "training job: 1 ended well instead of 2"
    assert _judge(training_job=0).outcome == DIFFERS


def test_only_what_fails_by_design_may_fail() -> None:
    assert _judge(bad=("execution x: Failed: by design",)).outcome == PASSES
    assert _judge(bad=("execution x: Failed: else",)).outcome == DIFFERS


def test_every_notebook_lies_in_what_is_fetched_and_makes_known_kinds() -> None:
    for name, notebook in notebook_suite.NOTEBOOKS.items():
        assert any(notebook.path.startswith(path) for path in notebook.source.paths), name
        assert notebook.makes.keys() <= set(notebook_ends.KINDS), name


def test_the_drawn_data_has_the_columns_of_the_real_ones() -> None:
    data = notebook_data.objects()

    rows = list(csv.reader(io.StringIO(data[notebook_data.ABALONE].decode())))
    assert len(rows) == 4177
    assert all(len(row) == 9 and row[0] in "MFI" and int(row[8]) > 0 for row in rows)
    labels = {
        line.split()[0]
        for line in data["datasets/tabular/uci_abalone/abalone.libsvm"].decode().splitlines()
    }
    assert labels == {row[8] for row in rows}


def test_a_run_is_resumed_where_it_was_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(name: str, *_: object) -> Result:
        ran.append(name)
        if len(ran) == 2:
            raise SourceError("no network")
        return Result(name, PASSES)

    monkeypatch.setattr(notebook_suite, "NOTEBOOKS", {"a": None, "b": None})
    monkeypatch.setattr(notebook_suite, "run", run)
    kept = results.Kept("notebooks", frozenset("ab"))
    monkeypatch.setattr(results.Kept, "of", lambda *_: kept)
    arguments = ["notebooks", "--cache", str(tmp_path)]

    assert command.main(arguments) == 1
    assert command.main([*arguments, "--resume"]) == 0

    assert ran == ["a", "b", "b"]


def test_one_that_is_run_alone_is_compared_and_the_others_keep_their_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = Result("b", DIFFERS, "wrong")
    monkeypatch.setitem(command._PARTS, "notebooks", ("a", "b"))
    monkeypatch.setattr(notebook_suite, "NOTEBOOKS", {"a": None, "b": None})
    monkeypatch.setattr(notebook_suite, "run", lambda *_: ended)
    monkeypatch.setattr(results.Kept, "of", lambda *_: results.Kept("notebooks", frozenset("ab")))
    notebook_suite.append(Result("gone", PASSES), tmp_path / "notebooks.jsonl")

    assert command.main(["notebooks", "b", "--cache", str(tmp_path)]) == 1
    assert "passed before: b: differs: wrong" in capsys.readouterr().out

    notebook_suite.append(Result("a", PASSES), tmp_path / "notebooks.jsonl")
    ended = Result("b", PASSES)
    assert command.main(["notebooks", "b", "--cache", str(tmp_path)]) == 0
    assert "notebooks: 2 passes, 0 differs" in capsys.readouterr().out


def test_nothing_that_runs_is_waited_for_longer_than_asked(tmp_path: Path) -> None:
    server = sagemaker_emulator.up(state=tmp_path / "state", images=IMAGES)
    try:
        sagemaker = notebook_suite.session(server["environment"]).client(
            "sagemaker", endpoint_url=server["url"]
        )
        job = _JOB.replace('"false"', '"sleep", "60"')
        exec(job, {"sagemaker": sagemaker})
        good, bad = notebook_ends.wait(sagemaker, 1)
    finally:
        sagemaker_emulator.down(state=tmp_path / "state")

    assert not good
    assert [each.rstrip() for each in bad] == ["processing job fails: InProgress:"]


def test_an_execution_that_fails_is_shown_with_the_steps_that_failed(tmp_path: Path) -> None:
    server = sagemaker_emulator.up(state=tmp_path / "state", images=IMAGES)
    step = {"Name": "Fail", "Type": "Fail", "Arguments": {"ErrorMessage": "too poor"}}
    try:
        sagemaker = notebook_suite.session(server["environment"]).client(
            "sagemaker", endpoint_url=server["url"]
        )
        sagemaker.create_pipeline(
            PipelineName="p",
            RoleArn="arn:aws:iam::123456789012:role/emulator",
            PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [step]}),
            ClientRequestToken="create" * 6,
        )
        sagemaker.start_pipeline_execution(PipelineName="p", ClientRequestToken="start" * 7)
        _, bad = notebook_ends.wait(sagemaker, 30)
    finally:
        sagemaker_emulator.down(state=tmp_path / "state")

    assert len(bad) == 1
    assert bad[0].endswith(
        ": Failed: Step failure: One or multiple steps failed.; step Fail: too poor"
    )
