"""What the emulator and a keeper say to each other, about one container.

The emulator sends one line of JSON (`Launch`), then `T` (SIGTERM to the process), `C` (SIGTERM to
its children) or `K` (SIGKILL to its group). The response is one line of JSON, `{"exit": code}`,
where a negative code is a signal.
"""

import contextlib
import json
import os
import socket
from typing import TypedDict

SETUP_FAILED = 125  # as docker run exits


class View(TypedDict):
    """What a container sees of the machine, in a mount namespace.

    Attributes:
        folder: What it sees at /opt/ml.
        mount: An empty folder to build the new /opt on; empty for no mount namespace.
        etc: A folder with the files `hosts` and `hostname`, which it sees in /etc.
        host: Its host name.
        layer: The folder that takes what it writes to its image's environment; empty for none.
        base: The environment, if what is in `upper` of that folder is laid over it, beside an empty
            `work`; else empty.
    """

    folder: str
    mount: str
    etc: str
    host: str
    layer: str
    base: str


class Launch(View):
    """What a container runs, as the emulator sends it.

    Attributes:
        argv: Program and arguments.
        script: The Python file that a warm host runs in place; None for a program.
        environment: All its variables.
        hosts: The addresses of the host names that `etc` has beside the machine's own.
        directory: Where it starts.
        nice: How much it yields to other processes.
    """

    argv: list[str]
    script: str | None
    environment: dict[str, str]
    hosts: dict[str, str]
    directory: str
    nice: int


def receive(channel: socket.socket) -> Launch:
    """Wait for what to run.

    Raises:
        OSError, ValueError: The emulator ended before it had said it.
    """
    launch: Launch = json.loads(_line(channel))
    return launch


def _line(channel: socket.socket) -> bytes:
    """Read one line and nothing after it: an order to stop may follow at once."""
    data = b""
    while not data.endswith(b"\n"):
        ahead = channel.recv(1 << 16, socket.MSG_PEEK)
        if not ahead:
            raise ConnectionError("the emulator ended before it sent what to run")
        data += channel.recv(ahead.find(b"\n") + 1 or len(ahead))
    return data


def send_exit(channel: socket.socket, code: int) -> None:
    """Say how the container ended."""
    with contextlib.suppress(OSError):  # the emulator may have ended
        channel.sendall(json.dumps({"exit": code}).encode() + b"\n")


def refuse(channel: socket.socket, output: int, error: Exception) -> None:
    """Say that the container could not be started, to the emulator and in its output."""
    with contextlib.suppress(OSError):  # the emulator may have ended
        os.write(output, f"The container could not be started: {error}\n".encode())
        send_exit(channel, SETUP_FAILED)
