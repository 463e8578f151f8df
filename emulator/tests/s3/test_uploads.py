"""Bodies that are under way: objects only once they are whole."""

import base64
import hashlib
import io
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import BotoCoreError
from s3_server import BUCKET, Server, keys, signed_request

from sagemaker_emulator.storage import s3_files

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def test_large_object_goes_through_whole(client: "S3Client", server: Server) -> None:
    content = os.urandom(3_000_001)
    client.put_object(Bucket=BUCKET, Key="large", Body=content)
    response = client.get_object(Bucket=BUCKET, Key="large")
    assert response["Body"].read() == content
    assert response["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    part = client.get_object(Bucket=BUCKET, Key="large", Range="bytes=1000000-2999999")
    assert part["Body"].read() == content[1_000_000:3_000_000]
    assert (server.bucket / "large").read_bytes() == content


def test_upload_under_way_is_no_object(server: Server, client: "S3Client") -> None:
    size = 2_000_000
    reached, go_on = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, amount: int | None = -1, /) -> bytes:
            if self.tell() >= size // 2:
                reached.set()
                go_on.wait(60)
            return super().read(min(amount or size, 65_536) if amount != -1 else -1)

    body = Slow(b"x" * size)
    uploader = server.client(request_checksum_calculation="when_required")
    upload = threading.Thread(
        target=uploader.put_object,
        kwargs={"Bucket": BUCKET, "Key": "in/slow", "Body": body, "ContentMD5": _md5(b"x" * size)},
    )
    upload.start()
    assert reached.wait(60)
    time.sleep(0.2)
    assert [path for path in server.bucket.rglob("*") if path.is_file()] == []
    assert keys(client) == []
    assert list(s3_files.find(server.state / "s3", f"s3://{BUCKET}/in/")) == []  # as a job looks
    go_on.set()
    upload.join(60)
    assert keys(client) == ["in/slow"]


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content).digest()).decode()


@pytest.mark.parametrize("length", [100, 2_000_000])
def test_upload_that_breaks_off_leaves_nothing(server: Server, length: int) -> None:
    signed = signed_request(server, "PUT", f"/{BUCKET}/broken", {"content-length": str(length)})
    head = f"PUT /{BUCKET}/broken HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + b"x" * (length * 3 // 4))
        time.sleep(0.3)
    deadline = time.monotonic() + 30
    incoming = server.state / "s3-uploads/incoming"
    while time.monotonic() < deadline and list(incoming.iterdir()):
        time.sleep(0.05)
    assert list(incoming.iterdir()) == []
    assert not (server.bucket / "broken").exists()


def test_kill_in_an_upload_leaves_no_object(own_server: Server) -> None:
    incoming = own_server.state / "s3-uploads/incoming"

    class Stalls(io.BytesIO):
        def read(self, amount: int | None = -1, /) -> bytes:
            if self.tell() > 1_500_000:
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline and not list(incoming.iterdir()):
                    time.sleep(0.01)
                own_server.stop(signal.SIGKILL)
                raise ConnectionError
            return super().read(amount)

    client = own_server.client(request_checksum_calculation="when_required")
    with pytest.raises((ConnectionError, BotoCoreError)):
        client.put_object(
            Bucket=BUCKET, Key="k", Body=Stalls(b"x" * 3_000_000), ContentMD5=_md5(b"x")
        )
    own_server.start()
    assert keys(own_server.client()) == []
    assert [path for path in own_server.state.rglob("*") if path.stat().st_size > 1_000_000] == []
