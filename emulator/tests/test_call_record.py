"""The record of calls: which operations, and whose."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator
from function_archive import function_request
from waiting import wait_until

FUNCTION = """
import boto3

def handler(event, context):
    boto3.client("sagemaker").list_models()
    return {"done": 1}
"""
DEFINITION = {
    "Version": "2020-12-01",
    "Steps": [
        {
            "Name": "Call",
            "Type": "Lambda",
            "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:caller",
            "Arguments": {},
            "OutputParameters": [{"OutputName": "done", "OutputType": "String"}],
        }
    ],
}


@pytest.fixture
def recorded(
    own_emulator: Callable[..., Emulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Emulator, Callable[[], set[tuple[str, str, str]]]]:
    file = tmp_path / "calls.jsonl"
    monkeypatch.setenv("EMULATOR_CALLS", str(file))
    server = own_emulator()
    assert server.up().returncode == 0

    def calls() -> set[tuple[str, str, str]]:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return {(line["caller"], line["service"], line["operation"]) for line in lines}

    return server, calls


def test_operations_of_every_protocol_are_recorded(
    recorded: tuple[Emulator, Callable[[], set[tuple[str, str, str]]]],
) -> None:
    server, calls = recorded

    def client(service: str) -> Any:
        return server.client(service, user_agent_appid="me")

    client("sagemaker").list_models()
    client("lambda").list_functions()
    client("iam").list_roles()
    client("sqs").list_queues()
    client("cloudwatch").describe_alarms()
    assert calls() >= {
        ("me", "sagemaker", "ListModels"),
        ("me", "lambda", "ListFunctions"),
        ("me", "iam", "ListRoles"),
        ("me", "sqs", "ListQueues"),
        ("me", "monitoring", "DescribeAlarms"),
    }


def test_pipelines_and_functions_are_callers(
    recorded: tuple[Emulator, Callable[[], set[tuple[str, str, str]]]],
) -> None:
    server, calls = recorded
    server.client("lambda").create_function(**function_request("caller", FUNCTION))
    sagemaker = server.client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName="p",
        PipelineDefinition=json.dumps(DEFINITION),
        ClientRequestToken="t" * 32,
        RoleArn="arn:aws:iam::123456789012:role/pipeline",
    )
    arn = sagemaker.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]

    def status() -> str:
        found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return str(found["PipelineExecutionStatus"])

    wait_until(lambda: status() not in ("Executing", "Stopping"), 60)
    assert status() == "Succeeded"
    assert calls() >= {
        ("pipeline", "lambda", "Invoke"),
        ("caller", "sagemaker", "ListModels"),
    }


def test_record_in_no_folder_is_refused(
    own_emulator: Callable[..., Emulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMULATOR_CALLS", str(tmp_path / "none" / "calls.jsonl"))
    ended = own_emulator().up()
    assert ended.returncode == 1
    assert "the file that EMULATOR_CALLS names cannot be written" in ended.stderr
    assert "Traceback" not in ended.stderr
