"""A real emulator process for these tests, and boto3 clients of it."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials

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
        """What the server says of itself, with the keys in its clients' environment."""
        about: dict[str, Any] = json.loads((self.state / "server.json").read_text())
        environment = {**about.get("environment", {}), **self.keys.environment}
        return {**about, "environment": environment}

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

    def send(
        self,
        method: str = "POST",
        path: str = "/",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        service: str = "sagemaker",
        keys: Credentials | None = None,
        change: Callable[[AWSRequest], None] = lambda _: None,
    ) -> tuple[int, Message, bytes]:
        """Send a request that is signed as clients do, and return status, headers and body.

        Args:
            method: HTTP method.
            path: With its query.
            body: As it is.
            headers: More of them.
            service: What it is signed for; "" sends it unsigned. "s3" goes to S3.
            keys: What it is signed with; the state's by default.
            change: Changes the request after it has been signed.
        """
        url = self.about["s3_url" if service == "s3" else "url"]
        request = AWSRequest(method, url + path, headers or {}, body)
        if service:
            keys = keys or self.keys
            pair = BotocoreCredentials(keys.access_key_id, keys.secret_access_key)
            signer = S3SigV4Auth if service == "s3" else SigV4Auth
            signer(pair, service, "us-east-1").add_auth(request)
        change(request)
        parts = urlsplit(str(request.url))
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(
                str(request.method), target, request.data, dict(request.headers.items())
            )
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def log(self, group: str) -> str:
        """All lines of the groups whose names contain this."""
        files = (self.state / "logs").rglob("*.jsonl")
        return "\n".join(
            json.loads(line)[1]
            for file in sorted(files)
            if group.replace("/", "%2F") in str(file)
            for line in file.read_text().splitlines()
        )
