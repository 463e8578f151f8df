"""A `docker` that needs no engine: what it runs is no child of whoever kills it, as with Docker.

It has the few commands that `containers.docker` runs, and keeps a file for each container.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

CONTAINERS = Path(os.environ["DOCKER_CONTAINERS"])


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    for option in (
        "network",
        "add-host",
        "name",
        "label",
        "user",
        "volume",
        "workdir",
        "entrypoint",
    ):
        parser.add_argument(f"--{option}")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--rm", action="store_true")
    parser.add_argument("--init", action="store_true")
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    file = CONTAINERS / options.name

    def register() -> None:  # before the container's first output
        file.write_text(json.dumps({"process": os.getpid(), "label": options.label}))

    child = subprocess.Popen(
        [options.entrypoint, *options.command],
        cwd=options.volume.split(":")[0],
        env={"PATH": os.environ["PATH"], **dict(map(_variable, options.env))},
        start_new_session=True,
        preexec_fn=register,
    )
    signal.signal(signal.SIGTERM, lambda number, frame: child.send_signal(number))
    code = child.wait()
    file.unlink(missing_ok=True)
    return code if code >= 0 else 128 - code


def _variable(text: str) -> tuple[str, str]:
    """`NAME=VALUE`, or a NAME with the value that it has for this client."""
    name, equals, value = text.partition("=")
    return name, value if equals else os.environ[name]


def ps(arguments: list[str]) -> int:
    label = arguments[arguments.index("--filter") + 1].removeprefix("label=")
    for file in CONTAINERS.iterdir():
        if json.loads(file.read_text())["label"] == label:
            print(file.name)
    return 0


def rm(arguments: list[str]) -> int:
    for name in arguments[1:]:
        file = CONTAINERS / name
        os.killpg(json.loads(file.read_text())["process"], signal.SIGKILL)
        file.unlink()
    return 0


if __name__ == "__main__":
    command = {"run": run, "ps": ps, "rm": rm}.get(sys.argv[1])
    sys.exit(command(sys.argv[2:]) if command else 0)  # `version`, `image inspect`
