"""Requests that are half sent, wait or are too many: they keep nobody out."""

import asyncio
import contextlib
import http.client
import importlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from tests.steps.containers.tally_inference.server_process import (
    BIN,
    Endpoint,
    serving,
    wait,
)


def test_a_client_that_disconnects_disturbs_no_other(endpoint: Endpoint, picture: bytes) -> None:
    with socket.create_connection(("127.0.0.1", endpoint.port)) as leaving:
        leaving.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
                        b"Content-Length: 5000\r\n\r\nhalf of it")  # fmt: skip
    assert endpoint.invoke(picture)[0] == 200
    assert "Traceback" not in endpoint.log.read_text()


def test_half_sent_requests_take_no_place(endpoint: Endpoint, picture: bytes) -> None:
    begin = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
    waiting = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(300)]
    for one in waiting:
        one.sendall(begin)
    for _ in range(3):
        assert endpoint.invoke(picture)[0] == 200
    for one in waiting:
        one.close()


def closed(one: socket.socket) -> bool:
    """Whether the other side closed a connection without a response; waits for it."""
    try:
        return one.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("sent", [b"", b"POST /invocations HTTP/1.1\r\nHost: x\r\n"])
def test_half_sent_heads_keep_nobody_out_and_end(
    endpoint: Endpoint, picture: bytes, sent: bytes
) -> None:
    """More than a container may have files, of which the oldest go; the others in time."""
    held: list[socket.socket] = []
    for _ in range(1100):
        held.append(socket.create_connection(("127.0.0.1", endpoint.port), timeout=60))
        with contextlib.suppress(OSError):  # it has gone already
            held[-1].sendall(sent)
    assert endpoint.invoke(picture)[0] == 200
    assert endpoint.ping() == 200
    for one in held:
        assert closed(one)
        one.close()


def test_a_head_that_trickles_in_or_is_too_long_ends(endpoint: Endpoint) -> None:
    for part, pause in ((b"x: y\r\n", 0.1), (b"x: " + b"y" * 1000 + b"\r\n", 0.0)):
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=60) as one:
            one.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n")
            with pytest.raises(OSError, match=r"Broken pipe|reset"):
                for _ in range(10_000):
                    one.sendall(part)
                    time.sleep(pause)
    assert endpoint.ping() == 200


WAIT = """
import pathlib, time
def model_fn(folder):
    return pathlib.Path(folder)
def input_fn(body, content_type):
    return body
def predict_fn(body, folder):
    while not (folder / "go").exists():
        time.sleep(0.05)
    return body
def output_fn(prediction, accept):
    return prediction
"""


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Endpoint]:
    """A server whose predictions last until the file model/go exists."""
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "code" / "inference.py").write_text(WAIT)
    with serving(tmp_path) as started:
        wait(lambda: started.ping() == 200, "the program does not load")
        yield started


def test_the_number_of_requests_in_progress_is_limited(slow: Endpoint, tmp_path: Path) -> None:
    """With many requests that wait, a new one is refused, and accepted when they have ended."""
    whole = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    waiting = [socket.create_connection(("127.0.0.1", slow.port)) for _ in range(256)]
    for one in waiting:
        one.sendall(whole)
    found: list[tuple[int, bytes]] = []

    def refused() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=2)
        try:
            connection.request("POST", "/invocations", b"body")
            response = connection.getresponse()
            found.append((response.status, response.read()))
        except TimeoutError:  # it was accepted
            return False
        finally:
            connection.close()
        return True

    wait(refused, "it accepts them all")
    assert found[0][0] == 503
    assert b"256 requests are in progress; try again" in found[0][1]
    assert slow.ping() == 200
    (tmp_path / "model" / "go").touch()
    wait(lambda: slow.ask("POST", "/invocations", b"body")[0] == 200, "it does not recover")
    for one in waiting:
        one.close()


def test_a_queue_does_not_hold_the_end(slow: Endpoint, tmp_path: Path) -> None:
    """SageMaker kills a container 30 s after SIGTERM; requests in progress get 20 s of them."""
    whole = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    waiting = [socket.create_connection(("127.0.0.1", slow.port)) for _ in range(12)]
    for one in waiting:
        one.sendall(whole)
    assert slow.ping() == 200
    slow.process.send_signal(signal.SIGTERM)
    assert slow.process.wait(60) == 0  # it would never end: no prediction does
    for one in waiting:
        one.close()


@pytest.mark.parametrize("limit", ["BODY_SECONDS", "PART_SECONDS"])
def test_a_body_that_never_arrives_ends_the_request(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.syspath_prepend(BIN.parent)
    model_server = importlib.import_module("model_server")
    monkeypatch.setattr(model_server, limit, 0.05)
    server = model_server.Server()
    server.program = model_server.Program(model_server, None)

    async def never() -> Any:
        await asyncio.Event().wait()

    waiting = Request({"type": "http", "method": "POST", "headers": []}, never)
    answer = asyncio.run(asyncio.wait_for(server.invocations(waiting), 20))
    assert (answer.status_code, server.requests, server.arriving) == (408, 0, 0)
    assert "did not arrive within" in json.loads(answer.body)["error"]
