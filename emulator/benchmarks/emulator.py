"""Start-up, memory and request time of the emulator: `python emulator/benchmarks/emulator.py`."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import psutil

import sagemaker_emulator
from sagemaker_emulator import Server


def seconds(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def memory(pid: int) -> float:
    """Resident megabytes of a process and all its children."""
    server = psutil.Process(pid)
    tree = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in tree) / 1e6


def mean(times: int, call: Callable[[int], object]) -> float:
    """Mean milliseconds of a call."""
    return seconds(lambda: [call(number) for number in range(times)]) / times * 1000


def main() -> None:
    """Measure a server on an empty state of its own and print a line for each number."""
    with tempfile.TemporaryDirectory() as folder:
        state, images = Path(folder, "state"), Path(folder, "images")
        (images / "nothing").mkdir(parents=True)
        (images / "nothing/requirements.txt").touch()
        up = seconds(lambda: command(state, "up", "--images", str(images)))
        print(f"up, empty state          {up:8.2f} s")
        try:
            server = sagemaker_emulator.status(state)
            assert server is not None
            measure(server)
        finally:
            print(f"down                     {seconds(lambda: command(state, 'down')):8.2f} s")


def command(state: Path, *arguments: str) -> None:
    """Run a command of the emulator."""
    program = [sys.executable, "-m", "sagemaker_emulator", *arguments, "--state", str(state)]
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)


def measure(server: Server) -> None:
    """Time the requests of a running server, and print its memory before and after them."""
    keys = server["environment"]
    session = boto3.Session(
        keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )
    sagemaker = session.client("sagemaker", endpoint_url=server["url"])
    s3 = session.client("s3", endpoint_url=server["s3_url"])
    print(f"idle, with rclone        {memory(server['pid']):8.0f} MB")
    create = mean(
        200, lambda n: sagemaker.create_model_package_group(ModelPackageGroupName=f"g{n}")
    )
    print(f"create (boto3 included)  {create:8.2f} ms")
    describe = mean(
        500, lambda _: sagemaker.describe_model_package_group(ModelPackageGroupName="g1")
    )
    print(f"describe (boto3 included){describe:8.2f} ms")
    s3.create_bucket(Bucket="bench")
    body = b"x" * 20_000
    put = mean(300, lambda n: s3.put_object(Bucket="bench", Key=f"a/{n}", Body=body))
    print(f"S3 put, 20 kB            {put:8.2f} ms")
    get = mean(300, lambda n: s3.get_object(Bucket="bench", Key=f"a/{n}")["Body"].read())
    print(f"S3 get, 20 kB            {get:8.2f} ms")
    session.client("iam", endpoint_url=server["url"]).list_roles()
    print(f"after S3 and moto        {memory(server['pid']):8.0f} MB")


if __name__ == "__main__":
    main()
