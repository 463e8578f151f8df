"""Copies of requests on their way to a shadow variant, whose answers nobody waits for."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

AT_A_TIME = 8
MOST = 32  # under way or waiting; each holds a request's body

_log = logging.getLogger("emulator.endpoints")


class Copies:
    """The copies of one deployment; one that comes when `MOST` are under way is left out.

    Args:
        name: the endpoint's, for the log.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix=f"shadow {name}")
        self._free = threading.BoundedSemaphore(MOST)
        self._left_out = 0

    def send(self, copy: Callable[[], object]) -> None:
        """Run this soon, in a thread of its own; it takes microseconds."""
        if not self._free.acquire(blocking=False):
            self._left_out += 1
            if self._left_out.bit_count() == 1:  # the 1st, 2nd, 4th, 8th, …
                _log.warning(
                    "endpoint %s: its shadow variant is too slow; %d requests were not copied",
                    *(self._name, self._left_out),
                )
            return
        try:
            self._pool.submit(self._run, copy)
        except RuntimeError:  # the deployment has just been replaced
            self._free.release()

    def stop(self) -> None:
        """Forget those that wait."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, copy: Callable[[], object]) -> None:
        try:
            copy()
        except Exception:  # it is nobody's answer
            _log.exception("endpoint %s: a copy for its shadow variant failed", self._name)
        finally:
            self._free.release()
