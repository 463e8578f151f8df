"""Start-up, memory and request time of the emulator: `python benchmarks/emulator.py`."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import psutil

ROOT = Path(__file__).resolve().parents[2]


def emulator(state: Path, verb: str) -> float:
    """Run a verb of the command line; the seconds that it took."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "sagemaker_emulator", verb, "--state", str(state)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def memory(pid: int) -> float:
    """Resident megabytes of a process and all its children."""
    server = psutil.Process(pid)
    tree = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in tree) / 1e6


def each(times: int, call: Callable[[int], Any]) -> float:
    """Mean milliseconds of a call."""
    begin = time.perf_counter()
    for number in range(times):
        call(number)
    return (time.perf_counter() - begin) / times * 1000


def main() -> None:
    """Measure a server of its own on an empty state and print a line for each number."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        print(f"up, empty state          {emulator(state, 'up'):8.2f} s")
        try:
            about = json.loads((state / "server.json").read_text())
            measure(about)
        finally:
            print(f"down                     {emulator(state, 'down'):8.2f} s")


def measure(about: dict[str, Any]) -> None:
    """Time the requests of a running server, and weigh it between them."""
    session = boto3.Session("emulator", "emulator", region_name="us-east-1")
    sagemaker = session.client("sagemaker", endpoint_url=about["url"])
    s3 = session.client("s3", endpoint_url=about["s3_url"])
    print(f"idle, with rclone        {memory(about['pid']):8.0f} MB")
    create = each(
        200, lambda n: sagemaker.create_model_package_group(ModelPackageGroupName=f"g{n}")
    )
    print(f"create (boto3 included)  {create:8.2f} ms")
    describe = each(
        500, lambda _: sagemaker.describe_model_package_group(ModelPackageGroupName="g1")
    )
    print(f"describe (boto3 included){describe:8.2f} ms")
    s3.create_bucket(Bucket="bench")
    body = b"x" * 20_000
    put = each(300, lambda n: s3.put_object(Bucket="bench", Key=f"a/{n}", Body=body))
    print(f"S3 put, 20 kB            {put:8.2f} ms")
    get = each(300, lambda n: s3.get_object(Bucket="bench", Key=f"a/{n}")["Body"].read())
    print(f"S3 get, 20 kB            {get:8.2f} ms")
    session.client("iam", endpoint_url=about["url"]).list_roles()
    print(f"after S3 and moto        {memory(about['pid']):8.0f} MB")


if __name__ == "__main__":
    main()
