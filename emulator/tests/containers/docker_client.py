"""A `docker` that needs no Docker: a client of `docker_engine`, as Docker's own is of its daemon.

It has the few commands that `containers.docker` runs.
"""

import argparse
import json
import os
import signal
import socket
import sys
from typing import BinaryIO


def ask(**request: object) -> BinaryIO:
    """Send a request to the engine; what is returned reads the response."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["DOCKER_SOCKET"])
    connection.sendall(json.dumps(request).encode() + b"\n")
    return connection.makefile("rb")


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    for option in (
        "network",
        "hostname",
        "name",
        "label",
        "user",
        "volume",
        "workdir",
        "entrypoint",
    ):
        parser.add_argument(f"--{option}")
    parser.add_argument("--add-host", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--rm", action="store_true")
    parser.add_argument("--init", action="store_true")
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    signal.signal(
        signal.SIGTERM, lambda number, _: ask(command="kill", name=options.name, signal=number)
    )
    response = ask(
        command="run",
        name=options.name,
        label=options.label,
        argv=[options.entrypoint, *options.command],
        directory=options.volume.split(":")[0],
        environment={"PATH": os.environ["PATH"], **dict(map(_variable, options.env))},
    )
    while size := int.from_bytes(response.read(4), "big"):
        sys.stdout.buffer.write(response.read(size))
        sys.stdout.buffer.flush()
    return int(response.readline())


def _variable(text: str) -> tuple[str, str]:
    """`NAME=VALUE`, or a NAME with the value that it has for this client."""
    name, equals, value = text.partition("=")
    return name, value if equals else os.environ[name]


def ps(arguments: list[str]) -> int:
    label = arguments[arguments.index("--filter") + 1].removeprefix("label=")
    print(ask(command="ps", label=label).read().decode())
    return 0


def rm(arguments: list[str]) -> int:
    ask(command="rm", names=arguments[1:]).read()
    return 0


if __name__ == "__main__":
    command = {"run": run, "ps": ps, "rm": rm}.get(sys.argv[1])
    sys.exit(command(sys.argv[2:]) if command else 0)  # `version`, `image inspect`
