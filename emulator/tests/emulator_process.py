"""A real emulator process for these tests, and boto3 clients of it."""

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from sagemaker_emulator.credentials import Credentials

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = Path(__file__).parent / "images"
BUCKET = "bucket"


@dataclass
class Emulator:
    """The command line around one state folder."""

    state: Path
    images: Path = IMAGES

    def keep_ports(self) -> None:
        """Give a new state ports that no other test takes while its server is down.

        They are below those that the system hands out, and left as a last server leaves them.
        """
        if not self.state.exists() and self.state.parent.is_dir():
            port = random.SystemRandom().randrange(20_000, 32_000, 2)
            self.state.mkdir()
            ports = {"url": f"http://127.0.0.1:{port}", "s3_url": f"http://127.0.0.1:{port + 1}"}
            (self.state / "server.json").write_text(json.dumps(ports))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        command = [
            sys.executable,
            "-m",
            "sagemaker_emulator",
            *arguments,
            "--state",
            str(self.state),
        ]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--images", str(self.images), *arguments)

    def down(self) -> None:
        done = self.run("down")
        assert done.returncode == 0, done.stderr

    def kill(self) -> None:
        """End the server as a power cut would."""
        os.kill(self.about["pid"], signal.SIGKILL)

    @property
    def about(self) -> dict[str, Any]:
        return dict(json.loads((self.state / "server.json").read_text()))

    @property
    def keys(self) -> Credentials:
        """The key pair of the state."""
        return Credentials.of(self.state)

    def client(self, service: str, **config: Any) -> Any:
        about, keys = self.about, self.keys
        make: Any = boto3.client  # its overloads are for literal names
        return make(
            service,
            endpoint_url=about["s3_url" if service == "s3" else "url"],
            region_name="us-east-1",
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}, **{"read_timeout": 60, **config}),
        )

    def log(self, group: str) -> str:
        """All lines of the groups whose names contain this."""
        files = (self.state / "logs").rglob("*.jsonl")
        return "\n".join(
            json.loads(line)[1]
            for file in sorted(files)
            if group.replace("/", "%2F") in str(file)
            for line in file.read_text().splitlines()
        )
