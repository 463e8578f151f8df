"""What the emulator adds to a step that does nothing.

Usage: python emulator/benchmarks/step_overhead.py [--steps 20]

Runs a pipeline of processing steps one after the other, each of which only starts a process, and
compares the wall time per step with starting the same process directly. Aim: under 0.15 s.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

import sagemaker_emulator
from sagemaker_emulator import Server

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

ROLE = "arn:aws:iam::123456789012:role/benchmark"
COMMANDS = {"true": ["/bin/true"], "python": ["python", "-c", "pass"]}


def main() -> None:
    """Measure on a server of its own, whose state is deleted afterwards."""
    parser = argparse.ArgumentParser(description="What the emulator adds to a step.")
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        image = root / "images" / "nothing"
        image.mkdir(parents=True)
        (image / "requirements.txt").touch()
        server = sagemaker_emulator.up(root / "state", root / "images")
        try:
            measure(server, arguments.steps)
        finally:
            sagemaker_emulator.down(root / "state")


def measure(server: Server, steps: int) -> None:
    """Print one line for each command: alone, as a step, and the difference, in seconds."""
    client = boto3.client(
        "sagemaker",
        endpoint_url=server["url"],
        region_name="us-east-1",
        aws_access_key_id=server["environment"]["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server["environment"]["AWS_SECRET_ACCESS_KEY"],
    )
    print(f"{'process':<8} {'directly':>9} {'as a step':>10} {'overhead':>9}   seconds per step")
    for name, command in COMMANDS.items():
        # The first execution builds the image's environment; it is not measured.
        execution(client, f"{name}-warm", command, 1)
        seconds = execution(client, name, command, steps) / steps
        began = time.perf_counter()
        for _ in range(steps):
            subprocess.run([sys.executable, *command[1:]] if name == "python" else command)
        alone = (time.perf_counter() - began) / steps
        print(f"{name:<8} {alone:>9.4f} {seconds:>10.4f} {seconds - alone:>9.4f}")


def execution(client: SageMakerClient, name: str, command: list[str], count: int) -> float:
    """Seconds from the start of the first step to the end of the last."""
    definition = {
        "Version": "2020-12-01",
        "Steps": [step(index, command) for index in range(count)],
    }
    client.create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps(definition),
        RoleArn=ROLE,
        ClientRequestToken=secrets.token_hex(16),
    )
    arn = client.start_pipeline_execution(
        PipelineName=name, ClientRequestToken=secrets.token_hex(16)
    )["PipelineExecutionArn"]
    status = "Executing"
    while status == "Executing":
        time.sleep(0.1)
        described = client.describe_pipeline_execution(PipelineExecutionArn=arn)
        status = described["PipelineExecutionStatus"]
    listed = client.list_pipeline_execution_steps(
        PipelineExecutionArn=arn, SortOrder="Ascending", MaxResults=100
    )["PipelineExecutionSteps"]
    if status != "Succeeded":
        raise SystemExit(f"the execution is {status}: {listed[-1].get('FailureReason')}")
    return (listed[-1]["EndTime"] - listed[0]["StartTime"]).total_seconds()


def step(index: int, command: list[str]) -> dict[str, Any]:
    """A processing step that waits for the one before it."""
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    return {
        "Name": f"Step{index}",
        "Type": "Processing",
        "DependsOn": [f"Step{index - 1}"] if index else [],
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "nothing", "ContainerEntrypoint": command},
            "RoleArn": ROLE,
        },
    }


if __name__ == "__main__":
    main()
