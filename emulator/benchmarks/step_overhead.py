"""What the emulator adds to the steps of a pipeline.

Usage: python emulator/benchmarks/step_overhead.py [--steps 20] [--many 1000]

Three measurements on a server of its own, each beside the same processes without the emulator:

- one after the other: processing steps that each only start a process, and the time of each.
  Aim: under 0.15 s more than the process alone.
- many: independent steps that run /bin/true, 50 at a time. Aim: 1,000 in under 20 s. The server's
  CPU time for each says the same on a busy machine; it has that of a request in half a second.
- cached: the second execution of eight steps that wait for each other, all found in the step cache.
  Aim: under 0.5 s.

Ratios to the plain processes are taken in the same run, as other work on the machine slows down
both.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil

import sagemaker_emulator
from sagemaker_emulator import Server

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

ROLE = "arn:aws:iam::123456789012:role/benchmark"
COMMANDS = {"true": ["/bin/true"], "python": ["python", "-c", "pass"]}
# How many steps run at once by default.
PARALLEL = 50


def main() -> None:
    """Measure on a server of its own, whose state is deleted afterwards."""
    parser = argparse.ArgumentParser(description="What the emulator adds to a step.")
    parser.add_argument("--steps", type=int, default=20, help="steps one after the other")
    parser.add_argument("--many", type=int, default=1000, help="independent steps")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        image = root / "images" / "nothing"
        image.mkdir(parents=True)
        (image / "requirements.txt").touch()
        server = sagemaker_emulator.up(root / "state", root / "images")
        try:
            client = connect(server)
            measure_chain(client, arguments.steps)
            measure_many(client, arguments.many, psutil.Process(server["pid"]))
            measure_cached(client, 8)
        finally:
            sagemaker_emulator.down(root / "state")
    print(f"Again: python {' '.join(sys.argv)}")


def connect(server: Server) -> SageMakerClient:
    """A client of the server."""
    return boto3.client(
        "sagemaker",
        endpoint_url=server["url"],
        region_name="us-east-1",
        aws_access_key_id=server["environment"]["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server["environment"]["AWS_SECRET_ACCESS_KEY"],
    )


def measure_chain(client: SageMakerClient, steps: int) -> None:
    """Print one line for each command: alone, as a step, and the difference, in seconds."""
    print(f"{'process':<8} {'directly':>9} {'as a step':>10} {'overhead':>9}   seconds per step")
    for name, command in COMMANDS.items():
        # The first execution builds the image's environment; it is not measured.
        execution(client, f"{name}-warm", [step(0, command)])
        chain = [step(index, command, waits=index > 0) for index in range(steps)]
        seconds = execution(client, name, chain) / steps
        began = time.perf_counter()
        for _ in range(steps):
            subprocess.run([sys.executable, *command[1:]] if name == "python" else command)
        alone = (time.perf_counter() - began) / steps
        print(f"{name:<8} {alone:>9.4f} {seconds:>10.4f} {seconds - alone:>9.4f}")


def measure_many(client: SageMakerClient, steps: int, server: psutil.Process) -> None:
    """Print how long independent steps take, and the same processes without the emulator."""
    command = COMMANDS["true"]
    before = server.cpu_times()
    seconds = execution(client, "many", [step(index, command) for index in range(steps)])
    after = server.cpu_times()
    cpu = after.user + after.system - before.user - before.system
    own = sum(psutil.Process().cpu_times()[:4])  # with that of the processes
    began = time.perf_counter()
    for _ in range(steps):
        subprocess.run(command)
    loop = time.perf_counter() - began
    loop_cpu = sum(psutil.Process().cpu_times()[:4]) - own
    began = time.perf_counter()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda _: subprocess.run(command), range(steps)))
    at_once = time.perf_counter() - began
    print(f"{steps} independent steps: {seconds:.2f} s, {1000 * seconds / steps:.1f} ms for each")
    print(
        f"  the server's CPU time: {1000 * cpu / steps:.1f} ms for each, "
        f"{cpu / loop_cpu:.0f} times that of the processes in a loop"
    )
    print(
        f"  the processes in a loop: {loop:.2f} s; the steps take {seconds / loop:.1f} times that"
    )
    print(f"  the processes by {PARALLEL} threads: {at_once:.2f} s, {seconds / at_once:.1f} times")


def measure_cached(client: SageMakerClient, steps: int) -> None:
    """Print how long an execution takes whose steps are all in the step cache."""
    cache = {"Enabled": True, "ExpireAfter": "P30D"}
    chain = [
        {**step(index, COMMANDS["true"], waits=index > 0), "CacheConfig": cache}
        for index in range(steps)
    ]
    first = execution(client, "cached", chain)
    again = min(execution(client, "cached") for _ in range(5))
    print(f"{steps} steps one after the other: {first:.3f} s; from the cache: {again:.3f} s")


def execution(
    client: SageMakerClient, name: str, steps: list[dict[str, Any]] | None = None
) -> float:
    """Create a pipeline, or use the one of that name, and return how long an execution takes.

    Returns:
        Seconds from the creation of the execution to its last change, by the server's clock.
    """
    if steps is not None:
        client.create_pipeline(
            PipelineName=name,
            PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": steps}),
            RoleArn=ROLE,
            ClientRequestToken=secrets.token_hex(16),
        )
    arn = client.start_pipeline_execution(
        PipelineName=name, ClientRequestToken=secrets.token_hex(16)
    )["PipelineExecutionArn"]
    status = "Executing"
    while status == "Executing":
        time.sleep(0.5)
        described = client.describe_pipeline_execution(PipelineExecutionArn=arn)
        status = described["PipelineExecutionStatus"]
    if status != "Succeeded":
        latest = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)
        reason = latest["PipelineExecutionSteps"][0].get("FailureReason")
        raise SystemExit(f"the execution is {status}: {reason}")
    return (described["LastModifiedTime"] - described["CreationTime"]).total_seconds()


def step(index: int, command: list[str], waits: bool = False) -> dict[str, Any]:
    """A processing step that runs a command, perhaps after the step before it."""
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    return {
        "Name": f"Step{index}",
        "Type": "Processing",
        "DependsOn": [f"Step{index - 1}"] if waits else [],
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "nothing", "ContainerEntrypoint": command},
            "RoleArn": ROLE,
        },
    }


if __name__ == "__main__":
    main()
