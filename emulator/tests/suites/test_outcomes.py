"""How a test of a suite is judged, on pytest's own runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from emulator_process import Emulator

from suites import results
from suites.outcomes import (
    DIFFERS,
    NOT_APPLICABLE,
    NOT_THERE,
    PASSES,
    SKIPPED,
    ErrorResponse,
    Reasons,
    Result,
    classify,
)

_SUITE = """
import boto3
import pytest
from botocore.exceptions import ClientError

@pytest.fixture
def client(): return boto3.client("sagemaker")

def test_passes(client):
    assert client.list_models(NameContains="none-has-it")["Models"] == []

def test_absent(client):
    client.list_clusters()

def test_absent_and_caught(client):
    with pytest.raises(ClientError) as caught:
        client.describe_cluster(ClusterName="x")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"

def test_forbidden(client):
    client.create_model(ModelName="x_y", ExecutionRoleArn="arn:aws:iam::123456789012:role/r")

def test_differs(client):
    assert client.list_models(NameContains="none-has-it")["Models"] == [1]

def test_listed(client):
    assert False

@pytest.mark.skip(reason="of no use")
def test_skipped(): pass
"""


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["one process", "workers"])
def outcomes(
    request: pytest.FixtureRequest, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Result]:
    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_all.py").write_text(_SUITE)
    (folder / "reasons.txt").write_text("not applicable: because\n  test_all.py::test_listed\n")
    paths = [str(path) for path in (Path(results.__file__).parent.parent,)]
    environment = {
        **os.environ,
        **emulator.about["environment"],
        "PYTHONPATH": os.pathsep.join(paths),
        "SUITE_RESULTS": str(folder / "results.jsonl"),
        "SUITE_REASONS": str(folder / "reasons.txt"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "suites.outcomes", "test_all.py"]
    command += request.param
    subprocess.run(command, cwd=folder, env=environment, capture_output=True)
    found = results.read(folder / "results.jsonl")
    lines = (folder / "results.jsonl").read_text().splitlines()
    assert len(lines) == len(found)  # each test is judged once, by the process that ran it
    return {result.test.rpartition("::")[2]: result for result in found}


@pytest.mark.parametrize(
    ("test", "outcome", "why"),
    [
        ("test_passes", PASSES, ""),
        ("test_absent", NOT_THERE, "sagemaker ListClusters: UnknownOperationException"),
        ("test_absent_and_caught", NOT_THERE, "sagemaker DescribeCluster"),
        ("test_forbidden", NOT_APPLICABLE, "regular expression pattern"),
        ("test_differs", DIFFERS, "assert [] == [1]"),
        ("test_listed", NOT_APPLICABLE, "because"),
        ("test_skipped", SKIPPED, "of no use"),
    ],
)
def test_a_test_is_judged_by_what_the_emulator_answered(
    outcomes: dict[str, Result], test: str, outcome: str, why: str
) -> None:
    result = outcomes[test]

    assert result.outcome == outcome
    assert why in result.why


def _error(code: str, message: str) -> ErrorResponse:
    return ErrorResponse("sagemaker", "CreateModel", code, message)


def test_a_forbidden_request_that_was_expected_does_not_excuse_a_later_failure() -> None:
    forbidden = _error("ValidationException", "1 validation error detected: x enum value set: [a]")
    later = _error("ResourceNotFound", "Could not find model")

    assert classify("t", "failed", [forbidden, later], Reasons()) == (DIFFERS, "failed")


def test_a_forbidden_request_that_was_expected_does_not_excuse_its_words() -> None:
    error = _error("ValidationException", "1 validation error detected: x enum value set: [a]")
    raised = "botocore.exceptions.ClientError: An error occurred (ValidationException) when ..."

    assert classify("t", "AssertionError: 'x'", [error], Reasons())[0] == DIFFERS
    assert classify("t", raised, [error], Reasons())[0] == NOT_APPLICABLE


def test_a_listed_error_decides() -> None:
    reasons = Reasons(errors={r"CreateModel: Limit\w+": (NOT_APPLICABLE, "quota")})
    limit = _error("LimitExceeded", "too many")

    decided = (NOT_APPLICABLE, "sagemaker CreateModel: quota")
    assert classify("t", "failed", [limit], reasons) == decided


def test_only_operations_count_as_what_tests_need() -> None:
    kept = results.Kept.from_run(
        "s",
        [
            Result("a", NOT_THERE, "sagemaker CreateModel: a reason: with colons"),
            Result("b", NOT_THERE, "sagemaker CreateModel: UnknownOperationException: x"),
            Result("c", NOT_THERE, "roles are not checked"),
        ],
    )
    assert kept.absent == {"sagemaker CreateModel": 2}


def test_reasons_of_another_form_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "reasons.txt"
    file.write_text("# comment\nperhaps: a reason\n")

    with pytest.raises(ValueError, match=r"reasons.txt:2: begin with 'not there: '"):
        Reasons.read(file)


def test_a_test_that_no_longer_passes_is_lost_and_others_are_new(tmp_path: Path) -> None:
    old = results.Kept.from_run("s", [Result("a", PASSES), Result("b", PASSES)])
    old.write(tmp_path)
    now = [Result("b", DIFFERS, "wrong"), Result("c", PASSES)]

    lost = results.lost(results.Kept.of("s", tmp_path), now)

    assert lost == ["a: was not run: ", "b: differs: wrong"]
    assert json.loads((tmp_path / "s.json").read_text())["counts"][PASSES] == 2


def test_operations_that_are_not_there_are_counted() -> None:
    absent = [Result(f"t{i}", NOT_THERE, "logs StartQuery: Unknown: x") for i in range(2)]

    assert results.Kept.from_run("s", absent).absent == {"logs StartQuery": 2}
