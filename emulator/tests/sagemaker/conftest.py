import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from transform_batch import Batch

IMAGES = Path(__file__).parents[1] / "images"
ROOT = Path(__file__).parents[3]
BUCKET = "bucket"
ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"


class Emulator:
    """The server as its users meet it: a command and an API."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.environment: dict[str, str] = {}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sagemaker_emulator", *arguments, "--state", str(self.state)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

    def up(self) -> None:
        self.command("up", "--images", str(IMAGES))  # on the ports that it had
        self.environment = json.loads(self.command("env", "--json").stdout)

    def down(self) -> None:
        self.command("down")

    def kill(self) -> None:
        pid = json.loads((self.state / "server.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)

    def client(self, service: str, **config: object):
        endpoint = "AWS_ENDPOINT_URL_S3" if service == "s3" else "AWS_ENDPOINT_URL"
        return boto3.client(
            service,
            endpoint_url=self.environment[endpoint],
            region_name="us-east-1",
            aws_access_key_id="emulator",
            aws_secret_access_key="emulator",
            config=Config(retries={"max_attempts": 0}, **config),
        )

    def log(self, group: str) -> str:
        files = (self.state / "logs").rglob("*.jsonl")
        return "\n".join(
            json.loads(line)[1]
            for file in sorted(files)
            if group.replace("/", "%2F") in str(file)
            for line in file.read_text().splitlines()
        )


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("emulator"))
    # Ports of its own, as one that ran before remembers them: its clients outlive a restart.
    port = random.SystemRandom().randrange(20_000, 32_000, 2)
    ports = {"url": f"http://127.0.0.1:{port}", "s3_url": f"http://127.0.0.1:{port + 1}"}
    (running.state / "server.json").write_text(json.dumps(ports))
    running.up()
    running.client("s3").create_bucket(Bucket=BUCKET)
    yield running
    running.down()


@pytest.fixture(scope="session")
def sagemaker(emulator: Emulator):
    return emulator.client("sagemaker")


@pytest.fixture(scope="session")
def s3(emulator: Emulator):
    return emulator.client("s3")


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def until() -> Callable:
    def wait(describe: Callable[[], dict], key: str, seconds: float = 30) -> dict:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = describe()
            if found[key] not in ("InProgress", "Stopping", "Creating", "Updating"):
                return found
            time.sleep(0.01)
        raise AssertionError(f"still {found[key]} after {seconds} s: {found}")

    return wait


@pytest.fixture
def batch(emulator: Emulator, until: Callable, name: str) -> Batch:
    return Batch(emulator, until, name)
