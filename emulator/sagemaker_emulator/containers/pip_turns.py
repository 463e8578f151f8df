"""Makes the pips of an environment take turns, as two that install at the same time break it.

It is copied into each environment, whose Python runs it at every start (by a `.pth` file), so it
imports little. A pip that another pip runs, to build a package, shares the other's turn.
"""

import os
import sys

LOCK = ".pip.lock"
HELD = "EMULATOR_PIP_TURN"


def is_pip(command: list[str]) -> bool:
    """Whether a Python's command line is `python -m pip` or that of the script `pip`."""
    for index, word in enumerate(command[1:], 1):
        if word == "-m":
            return command[index + 1 : index + 2] == ["pip"]
        if not word.startswith("-"):
            return os.path.basename(word).rstrip("0123456789.") == "pip"  # noqa: PTH119
    return False


def take(folder: str) -> None:
    """Wait for this process's turn, which lasts to its end."""
    import fcntl

    try:
        lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT)  # noqa: PTH118
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:  # nobody can install into a folder that cannot be written to
        return
    os.environ[HELD] = "1"


if is_pip(getattr(sys, "orig_argv", [])) and HELD not in os.environ:
    take(sys.prefix)
