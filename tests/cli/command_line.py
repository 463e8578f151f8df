"""The command line as a person runs it, with an emulator of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

import sagemaker_emulator

ROOT = Path(__file__).resolve().parents[2]


def _environment() -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PIPELINE_"))}
    return {**keep, "PYTHONDONTWRITEBYTECODE": "", "COLUMNS": "200"}


@dataclass(frozen=True)
class CommandLine:
    """Runs `python pipeline.py`, with the emulator's state in a folder of its own."""

    state: Path
    environment: dict[str, str] = field(default_factory=_environment)

    def __post_init__(self) -> None:
        self.environment["EMULATOR_STATE"] = str(self.state)

    def run(
        self, *words: object, cwd: Path = ROOT, seconds: float = 60, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder, with more variables in its environment."""
        return subprocess.run(
            [sys.executable, str(ROOT / "pipeline.py"), *map(str, words)],
            cwd=cwd,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def emulator(self, *words: str) -> None:
        """Run a command of the emulator."""
        command = [sys.executable, "-m", "sagemaker_emulator", *words, "--state", str(self.state)]
        subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)

    def client(self, service: Any) -> Any:
        """A boto3 client of the emulator."""
        server = sagemaker_emulator.status(self.state)
        assert server is not None
        keys = server["environment"]
        return boto3.client(
            service,
            endpoint_url=server["s3_url" if service == "s3" else "url"],
            region_name="us-east-1",
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        )
