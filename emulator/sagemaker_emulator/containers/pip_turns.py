"""Has the pips of an environment take turns: jobs share it, and two that install at once break it.

Copied into each environment, whose Python runs it as it starts (by a `.pth` file): it imports
little. A pip that another runs, to build a package, has the other's turn.
"""

import os
import sys

LOCK = ".pip.lock"
HELD = "EMULATOR_PIP_TURN"


def is_pip(command: list[str]) -> bool:
    """Whether a Python's command line is `python -m pip` or that of the script `pip`."""
    for place, word in enumerate(command[1:], 1):
        if word == "-m":
            return command[place + 1 : place + 2] == ["pip"]
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
