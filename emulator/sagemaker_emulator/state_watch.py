"""The end of a server whose state folder was removed or replaced."""

import logging
import os
import threading
import time
from pathlib import Path

EVERY = 0.5  # seconds between two looks

_log = logging.getLogger("emulator")


def watch(lock: Path) -> None:
    """End this process, as a kill would, when the file of its lock is gone or is another one.

    It runs in a thread of its own. What the server started ends with it. Nothing is stopped
    gently, as that would write to a folder that somebody has removed.

    Args:
        lock: A file of the state folder that exists as long as the server runs.
    """
    threading.Thread(target=_watch, args=(lock, lock.stat()), name="state", daemon=True).start()


def _watch(lock: Path, held: os.stat_result) -> None:
    while True:
        time.sleep(EVERY)
        try:
            if os.path.samestat(held, lock.stat()):
                continue
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:  # a disk that does not answer now
            continue
        _log.error("the state folder %s was removed or replaced; the server ends", lock.parent)
        os._exit(1)
