"""Writing to a disk that may be full."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import TypeVar

RETRY_SECONDS = 1.0  # between two attempts

_log = logging.getLogger("emulator.storage")
_Result = TypeVar("_Result")


def retry_while_disk_full(
    write: Callable[[], _Result], closing: threading.Event, what: str
) -> _Result | None:
    """Call `write` until it succeeds or the server goes down.

    Args:
        write: Writes to the store or to files. It must be a whole transaction, as it is repeated.
        closing: Set when the server goes down.
        what: What is written, for the log: "the end of training job t".

    Returns:
        What `write` returned, or None if `closing` was set before it succeeded.
    """
    while not closing.is_set():
        try:
            return write()
        except (sqlite3.OperationalError, OSError) as error:
            _log.error("%s cannot be written, trying again: %s", what, error)
            closing.wait(RETRY_SECONDS)
    return None
