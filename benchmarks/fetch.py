"""Objects per second that Prepare downloads, beside boto3 with threads and s5cmd.

Each reads the same small objects from one local S3 server into a folder, in turn, several times.
Compare the ratios of the medians, because absolute speeds vary from machine to machine.

    .venv/bin/python benchmarks/fetch.py
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.config import Config
from repository import ROOT, STEPS

import sagemaker_emulator

BUCKET = "bins"
# Prepare's own code, run in the steps' environment; it prints the seconds that it took.
PREPARE = """
import sys, time
from pathlib import Path
from preparation.source import Source
folder, count = Path(sys.argv[1]), int(sys.argv[2])
begun = time.perf_counter()
source = Source("s3://bins", 32)
def one(n):
    (folder / f"{n:05d}.jpg").write_bytes(source.read(f"bin-images/{n:05d}.jpg"))
list(source.map(one, range(count)))
print(time.perf_counter() - begun)
"""


def prepare(folder: Path, count: int) -> float:
    """Seconds that Prepare's source takes."""
    python = ROOT / ".venv-steps" / "bin" / "python"
    done = subprocess.run(
        [str(python), "-c", PREPARE, str(folder), str(count)],
        env={**os.environ, "PYTHONPATH": str(STEPS)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout)


def boto3_threads(folder: Path, count: int) -> float:
    """Seconds that boto3 takes with 16 threads, as is usually recommended."""
    client = boto3.client("s3", config=Config(max_pool_connections=16))

    def one(number: int) -> None:
        key = f"bin-images/{number:05d}.jpg"
        body = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        (folder / f"{number:05d}.jpg").write_bytes(body)

    begun = time.perf_counter()
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(one, range(count)))
    return time.perf_counter() - begun


def s5cmd(folder: Path, count: int) -> float:
    """Seconds that s5cmd takes with its default of 256 workers."""
    command = [str(Path(sys.executable).with_name("s5cmd")), "--log", "error", "cp"]
    begun = time.perf_counter()
    subprocess.run(
        [*command, f"s3://{BUCKET}/bin-images/*", f"{folder}/"],
        env={**os.environ, "S3_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL_S3"]},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - begun


METHODS: dict[str, Callable[[Path, int], float]] = {
    "Prepare": prepare,
    "boto3, 16 threads": boto3_threads,
    "s5cmd": s5cmd,
}


def main() -> None:
    """Serve random objects of a bin image's size, and download them with each method."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--objects", type=int, default=3000, help="number of objects (default: 3000)"
    )
    parser.add_argument(
        "--kilobytes", type=int, default=12, help="size of each object (default: 12)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each method (default: 3)")
    options = parser.parse_args()
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the disk is not measured
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        work = Path(folder)
        state = work / "state"
        os.environ |= sagemaker_emulator.up(state, ROOT / "containers")["environment"]
        images = state / "s3" / BUCKET / "bin-images"
        try:
            images.mkdir(parents=True)
            chance = random.Random(0)
            for number in range(options.objects):
                body = chance.randbytes(options.kilobytes * 1000)
                (images / f"{number:05d}.jpg").write_bytes(body)
            seconds = measure(work, options.objects, options.rounds)
        finally:
            sagemaker_emulator.down(state)
    ours = statistics.median(seconds["Prepare"])
    print(f"\n{options.objects} objects of {options.kilobytes} kB, median of {options.rounds}")
    for method, times in seconds.items():
        median = statistics.median(times)
        speed = options.objects / median
        print(f"{method:<20}{speed:>8.0f} objects/s   Prepare: {median / ours:.1f}x")


def measure(work: Path, count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each method in each round; the methods take turns."""
    seconds: dict[str, list[float]] = {method: [] for method in METHODS}
    for turn in range(rounds):
        for method, fetch in METHODS.items():
            folder = work / "fetched"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            seconds[method].append(fetch(folder, count))
            assert len(list(folder.iterdir())) == count, f"{method} did not fetch all"
            print(f"round {turn + 1}  {method:<20}{seconds[method][-1]:.2f} s", flush=True)
    return seconds


if __name__ == "__main__":
    main()
