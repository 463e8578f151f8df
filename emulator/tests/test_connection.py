"""Half-sent requests: closed in time, and in nobody's way."""

import http.client
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from emulator_process import Emulator

from sagemaker_emulator import connection, listening
from sagemaker_emulator.connection import BoundedProtocol

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"


async def respond(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads nothing."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
    )
    await send({"type": "http.response.body"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server in this process that waits a second for heads, of at most 20 connections."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(BoundedProtocol, "most", 20)
    sock = listening.listen(0)
    assert sock is not None
    config = uvicorn.Config(
        respond,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        h11_max_incomplete_event_size=connection.LONGEST_HEAD,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    yield listening.port_of(sock)
    server.should_exit = True
    thread.join()
    assert not BoundedProtocol._waiting


def connect(port: int, data: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(data)
    return client


def get(port: int) -> int:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", "/")
    status = client.getresponse().status
    client.close()
    return status


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(65536) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", b"G", HEAD])
def test_a_half_sent_head_is_closed(port: int, sent: bytes) -> None:
    with connect(port, sent) as client:
        assert is_closed(client)


def test_a_head_that_trickles_is_closed(port: int) -> None:
    began = time.monotonic()
    with connect(port, HEAD) as client, pytest.raises(OSError):
        while time.monotonic() - began < 60:
            client.sendall(b"x: y\r\n")
            time.sleep(0.05)


def test_a_connection_that_was_used_may_be_idle_but_send_no_half_head(port: int) -> None:
    with connect(port, HEAD + b"\r\n") as client:
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        time.sleep(1.5)  # longer than a head may take
        client.sendall(HEAD + b"\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        client.sendall(HEAD)
        assert is_closed(client)


def test_many_half_sent_heads_keep_nobody_out(port: int) -> None:
    held = [connect(port, HEAD) for _ in range(200)]
    try:
        assert get(port) == 200
        assert is_closed(held[0])
    finally:
        for client in held:
            client.close()


def test_a_head_that_is_too_long_is_refused(port: int) -> None:
    with connect(port, HEAD) as client:
        line = b"x: " + b"y" * 1000 + b"\r\n"
        try:
            for _ in range(1000):
                client.sendall(line)
        except OSError:
            pass
        try:
            answer = client.recv(65536)
        except ConnectionResetError:
            return
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET \xff HTTP/1.1\r\n\r\n", b"a\r\n\r\n", b"\0" * 100]
)
def test_what_is_no_http_is_refused_without_a_traceback(
    port: int, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), connect(port, garbage) as client:
        answer = client.recv(65536)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    with caplog.at_level(logging.ERROR), connect(port, HEAD + b"\r\n" + garbage) as client:
        while client.recv(65536):
            pass
    assert get(port) == 200
    assert caplog.records == []


def test_half_sent_bodies_keep_nobody_out_and_leave_no_traceback(emulator: Emulator) -> None:
    port = int(emulator.about["url"].rpartition(":")[2])
    key = emulator.keys.access_key_id
    head = (
        "POST / HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        "X-Amz-Target: SageMaker.ListModels\r\n"
        f"Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/sagemaker/"
        "aws4_request, SignedHeaders=host, Signature=00\r\n"
        "Content-Length: 1000\r\n\r\n{"
    )
    log = emulator.state / "log.txt"
    before = log.read_text()
    held = [connect(port, head.encode()) for _ in range(300)]
    try:
        emulator.client("sagemaker").list_models()
    finally:
        for client in held:
            client.close()
    emulator.client("sagemaker").list_models()
    assert log.read_text() == before
