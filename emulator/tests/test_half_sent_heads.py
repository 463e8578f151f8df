"""2,000 half-sent heads against each server: they end in time, and requests are answered."""

import contextlib
import resource
import select
import socket
import time
from collections.abc import Iterator

import pytest
from emulator_process import Emulator

from sagemaker_emulator.connection import HEAD_SECONDS

MANY = 2000


@pytest.fixture
def many() -> Iterator[int]:
    """How many connections a test may hold to each of two servers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 2 * MANY + 200
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    yield min(MANY, (most - 200) // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_half_sent_heads_end_and_keep_nobody_out(emulator: Emulator, many: int) -> None:
    sagemaker, s3 = emulator.client("sagemaker"), emulator.client("s3")
    ports = [int(emulator.about[key].rpartition(":")[2]) for key in ("url", "s3_url")]
    with contextlib.ExitStack() as stack:
        held: list[socket.socket] = []
        for number in range(many):
            for port in ports:
                held.append(socket.create_connection(("127.0.0.1", port), timeout=60))
                stack.callback(held[-1].close)
                with contextlib.suppress(OSError):  # it has been closed already
                    held[-1].sendall(b"POST / HTTP/1.1\r\nHost: a\r\nX-Half: ")
            if number % 200 == 0:
                sagemaker.list_models()
                s3.list_buckets()
        last = time.monotonic()
        emulator.client("sagemaker").list_models()
        emulator.client("s3").list_buckets()
        closed = select.poll()
        for one in held:
            closed.register(one, select.POLLIN)
        open_ = len(held)
        while open_:
            ended = closed.poll(2 * HEAD_SECONDS * 1000)
            assert ended, f"{open_} connections stay"
            for descriptor, _ in ended:
                closed.unregister(descriptor)
                open_ -= 1
        assert time.monotonic() - last < 2 * HEAD_SECONDS
    emulator.client("sagemaker").list_models()
