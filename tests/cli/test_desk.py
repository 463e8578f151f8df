"""`python pipeline.py desk` as a person starts and ends it."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from desk import addresses
from tests.cli.command_line import ROOT, CommandLine

Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start(line: CommandLine) -> Iterator[Start]:
    """Starts a desk, and returns its process and the line with its link."""
    running = []

    def begin(*options: str) -> tuple[subprocess.Popen[str], str]:
        desk = subprocess.Popen(
            [sys.executable, str(ROOT / "pipeline.py"), "desk", "--port", "0", *options],
            env=line.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(desk)
        assert desk.stderr
        return desk, desk.stderr.readline()

    yield begin
    for desk in running:
        desk.kill()
        desk.communicate()


def link(text: str) -> str:
    found = re.search(r"http://\S+\?key=\S+", text)
    assert found, text
    return found[0]


def test_the_link_signs_in_and_ctrl_c_closes_the_desk_without_a_traceback(start: Start) -> None:
    desk, first = start()
    assert first.startswith("The desk is open at http://127.0.0.1:")
    response = httpx.get(link(first), trust_env=False)
    assert response.status_code == 303 and "HttpOnly" in response.headers["set-cookie"]
    desk.send_signal(signal.SIGINT)
    _, rest = desk.communicate(timeout=30)
    assert (desk.returncode, rest.splitlines()[-1]) == (0, "The desk is closed.")
    assert "A link for another device: http://" in rest and "Traceback" not in rest


def test_for_phones_the_link_of_the_network_signs_in_too(start: Start) -> None:
    desk, first = start("--host", "0.0.0.0")
    assert desk.stderr
    lines = [
        first,
        *iter(desk.stderr.readline, "Each link signs in one browser. Ctrl-C closes the desk.\n"),
    ]
    assert [urlsplit(link(line)).hostname for line in lines] == list(
        dict.fromkeys(["127.0.0.1", addresses.machine_address()])
    )
    assert httpx.get(link(lines[-1]), trust_env=False).status_code == 303


def test_a_browser_stays_signed_in_when_the_desk_is_started_again(start: Start) -> None:
    desk, first = start()
    address = link(first).partition("/?")[0]
    port = address.rpartition(":")[2]
    with httpx.Client(trust_env=False) as browser:
        browser.get(link(first))
        desk.send_signal(signal.SIGINT)
        desk.communicate(timeout=30)
        start("--port", port)
        assert browser.get(f"{address}/devices").status_code == 200


def test_a_port_in_use_is_explained(start: Start, line: CommandLine) -> None:
    _, first = start()
    port = re.search(r":(\d+)/", first)
    assert port
    done = line.run("desk", "--port", port[1])
    assert done.returncode == 1
    assert "Error: Another process uses the port" in done.stderr
