"""A container: a forked process that becomes its command."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from .channel import SETUP_FAILED, Launch
from .mount_namespace import enter
from .script import run_script
from .signals import die_with

NOT_EXECUTABLE, NOT_FOUND = 126, 127  # as docker run exits


def run(launch: Launch, output: int, keeper: int) -> None:
    """In the container: set it up, then become its command.

    Args:
        launch: What to run.
        output: The descriptor that takes what it prints.
        keeper: The number of its keeper, with which it ends.
    """
    os.setsid()
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    try:
        if launch["mount"]:
            enter(launch)
        os.nice(launch["nice"])
        os.chdir(launch["directory"])
        die_with(keeper, signal.SIGKILL)
    except OSError as error:
        print(f"The container could not be set up: {error}", file=sys.stderr, flush=True)
        os._exit(SETUP_FAILED)
    environment = launch["environment"]
    if launch["script"] is None:
        execute(launch["argv"], environment)
    os.environ.clear()
    os.environ.update(environment)
    if layer := sys.modules.get("emulator_layer"):  # where the image's Python has begun with it
        layer.see()
    _as_if_just_imported(environment)
    run_script(launch["script"], launch["argv"])


def execute(argv: list[str], environment: dict[str, str]) -> NoReturn:
    """Replace this process with a command, found on the container's own PATH."""
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        message, code = str(error), NOT_EXECUTABLE
        if isinstance(error, FileNotFoundError):
            message, code = f"executable file not found in PATH ({environment['PATH']})", NOT_FOUND
            if argv[0] in ("train", "serve"):
                message += f"; an image has its own {argv[0]} in the folder bin/ of its folder"
        print(f"exec: {argv[0]!r}: {message}", file=sys.stderr, flush=True)
        os._exit(code)


def _as_if_just_imported(environment: dict[str, str]) -> None:
    """Reset what a forked child shares with its siblings and a fresh process would not."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    # Torch reads its thread count once, on import, and the host is single-threaded.
    torch, threads = sys.modules.get("torch"), environment.get("OMP_NUM_THREADS")
    if torch and threads:
        torch.set_num_threads(int(threads))
