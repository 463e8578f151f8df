"""What happens at a time: one thread that fires what is due, and sleeps until the next time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

_LONGEST_SLEEP = 60.0  # seconds, so that a change of the machine's clock is noticed
_AFTER_FAULT = 5.0
_log = logging.getLogger("emulator.clock")


class Clock:
    """The times of one server.

    Attributes:
        sources: What fires all that is due at a time (seconds since the epoch), and returns when
            something is due next; None for never.
    """

    def __init__(self) -> None:
        self.sources: list[Callable[[float], float | None]] = []
        self._changed = threading.Condition()
        self._version = 0
        self._stopping = False

    def start(self) -> None:
        """Fire what is due from now on."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Fire no more; it returns at once."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Look again, as something may be due earlier than before."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                seen = self._version
            sleep = min([_LONGEST_SLEEP, *(self._ask(source) for source in self.sources)])
            with self._changed:
                if self._version == seen and not self._stopping:
                    self._changed.wait(sleep)
                if self._stopping:
                    return

    def _ask(self, source: Callable[[float], float | None]) -> float:
        """Let a source fire what is due, and return for how long nothing more is."""
        now = time.time()
        try:
            following = source(now)
        except Exception:  # a full disk, for example: nothing was fired, so it is asked again
            _log.exception("what is due could not be fired")
            return _AFTER_FAULT
        return _LONGEST_SLEEP if following is None else max(0.0, following - time.time())
