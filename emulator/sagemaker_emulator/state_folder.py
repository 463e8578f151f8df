"""The folder that holds everything: whose it is, which server has it, and which had it last."""

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sagemaker_emulator.errors import StartError

# A process that only checks whether a lock is held holds it for an instant.
_GLANCE_SECONDS = 1.0


def default_state() -> Path:
    """`$EMULATOR_STATE`, or `.emulator` in the current folder."""
    return Path(os.environ.get("EMULATOR_STATE") or ".emulator").absolute()


def resolved(state: Path | str | None) -> Path:
    """The folder that a caller means, the default one for None."""
    return Path(state or default_state()).resolve()


def last_server(state: Path) -> dict[str, Any]:
    """The server.json of the last server of this state; empty if there is none."""
    with contextlib.suppress(OSError, ValueError):
        last = json.loads((state / "server.json").read_text())
        return last if isinstance(last, dict) else {}
    return {}


def own(state: Path) -> None:
    """Make the state folder, or close it to other users of the machine.

    Raises:
        StartError: It cannot be made, is no folder, or belongs to another user.
    """
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            state.mkdir(mode=0o700)
        about = state.stat()
        if not stat.S_ISDIR(about.st_mode):
            raise NotADirectoryError(f"{state} is a file")
        require_own(state, about)
        if about.st_mode & 0o077:
            state.chmod(0o700)
    except OSError as problem:
        raise StartError(f"the state folder {state} cannot be used: {problem}") from None


def require_own(state: Path, about: os.stat_result) -> None:
    """Check that a state folder is this user's.

    Raises:
        StartError: It belongs to another user, who could have programs run as this one.
    """
    if about.st_uid != os.geteuid():
        raise StartError(
            f"the state folder {state} belongs to another user (uid {about.st_uid}); "
            "give one of your own with --state"
        )


def open_to_append(path: Path) -> BinaryIO:
    """Open a file to append to it; a new one is this user's alone, whatever the umask is."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


@contextlib.contextmanager
def only_server(state: Path) -> Iterator[None]:
    """Hold the state for this process alone.

    Raises:
        StartError: Another server has it.
    """
    deadline = time.monotonic() + _GLANCE_SECONDS
    with (state / "server.lock").open("a+") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise StartError(
                        f"another server already uses {state}; stop it first (down)"
                    ) from None
            time.sleep(0.01)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_held(state: Path) -> bool:
    """Whether a server has the state."""
    try:
        with (state / "server.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False


def holder(state: Path, timeout: float = 5) -> int:
    """The process that has the state, which writes its number just after it took the lock.

    Raises:
        StartError: The file holds no number, or 0, which would stand for this process's group.
    """
    lock = state / "server.lock"
    deadline = time.monotonic() + timeout
    while not (content := lock.read_text().strip()).isdecimal() or int(content) == 0:
        if time.monotonic() > deadline:
            raise StartError(f"{lock} does not name the process that holds it; end it yourself")
        time.sleep(0.02)
    return int(content)
