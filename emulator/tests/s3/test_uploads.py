"""Bodies that are under way: objects only once they are whole."""

import hashlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
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

    def body() -> Iterator[bytes]:
        yield b"x" * (size // 2)
        reached.set()
        go_on.wait(60)
        yield b"x" * (size // 2)

    # boto3 would read all of it for its hash before it sends any.
    address = server.client(signature_version="s3v4").generate_presigned_url(
        "put_object", Params={"Bucket": BUCKET, "Key": "in/slow"}
    )
    upload = threading.Thread(
        target=httpx.put,
        daemon=True,
        args=(address,),
        kwargs={"content": body(), "headers": {"content-length": str(size)}, "timeout": 60},
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

    def body() -> Iterator[bytes]:
        yield b"x" * 1_500_000
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in incoming.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        own_server.stop(signal.SIGKILL)
        yield b"x" * 1_500_000

    address = own_server.client(signature_version="s3v4").generate_presigned_url(
        "put_object", Params={"Bucket": BUCKET, "Key": "k"}
    )
    with pytest.raises(httpx.TransportError):
        httpx.put(address, content=body(), headers={"content-length": "3000000"}, timeout=60)
    own_server.start()
    assert keys(own_server.client()) == []
    assert [path for path in own_server.state.rglob("*") if path.stat().st_size > 1_000_000] == []
