"""An S3 server process by itself, and boto3 clients of it."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials

from sagemaker_emulator.credentials import Credentials

if TYPE_CHECKING:
    import pytest
    from botocore.exceptions import ClientError
    from types_boto3_s3 import S3Client

BUCKET = "bucket"


@dataclass
class Server:
    """An S3 server over a state folder."""

    state: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bucket(self) -> Path:
        return self.state / "s3" / BUCKET

    def start(self) -> None:
        command = [sys.executable, "-m", "sagemaker_emulator.s3"]
        self.process = subprocess.Popen(
            [*command, "--state", str(self.state), "--port", str(self.port)], env=os.environ
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        raise AssertionError("the server did not start")

    def stop(self, number: int = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(30)

    def client(self, **config: Any) -> "S3Client":
        keys = Credentials.of(self.state)
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}, **config),
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def code(refused: "pytest.ExceptionInfo[ClientError]") -> tuple[str, int]:
    """The code and the HTTP status of a refusal."""
    response: Any = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def keys(client: "S3Client", **arguments: Any) -> list[str]:
    """The keys in a listing of the bucket."""
    listing = client.list_objects_v2(Bucket=BUCKET, **arguments)
    return [entry["Key"] for entry in listing.get("Contents", [])]


def signed_request(
    server: Server, method: str, path: str, headers: Mapping[str, str] | None = None
) -> AWSRequest:
    """A request whose header is signed, to be sent as it is or changed first."""
    pair = Credentials.of(server.state)
    given = {"host": f"127.0.0.1:{server.port}", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    request = AWSRequest(method, f"{server.url}{path}", headers={**given, **(headers or {})})
    payload = request.headers["x-amz-content-sha256"]

    class Signer(S3SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return str(payload)

    keys = BotocoreCredentials(pair.access_key_id, pair.secret_access_key)
    Signer(keys, "s3", "us-east-1").add_auth(request)
    return request


def send(
    server: Server, method: str, path: str, headers: Mapping[str, Any], body: bytes = b""
) -> tuple[int, bytes, Mapping[str, str]]:
    """Send a request as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    found = {name.lower(): text for name, text in response.getheaders()}
    return response.status, response.read(), found
