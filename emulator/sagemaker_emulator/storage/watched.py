"""Threads that wait until something is written."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Watched:
    """What threads wait for writes of."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._watches: dict[str, set[threading.Event]] = {}
        self._version = 1
        self._seen = threading.local()

    def _tell(self, written: Iterable[str]) -> None:
        """Wake those that wait for a write, and those that watch one of the names written."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()
        for name in written:
            self.wake(name)

    @property
    def version(self) -> int:
        """How often something was written since the store was opened."""
        with self._changed:
            return self._version

    def wait(self, timeout: float) -> bool:
        """Return when something was written since this thread's last `wait`, or at the timeout.

        A write between two calls is never missed, so `while not done(): store.wait(60)` is safe.
        A thread's first call returns at once.

        Returns:
            Whether something was written.
        """
        deadline = time.monotonic() + timeout
        seen = getattr(self._seen, "version", 0)
        with self._changed:
            while self._version == seen:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            self._seen.version = self._version
        return True

    @contextmanager
    def watch(self, *names: str) -> Iterator[threading.Event]:
        """An event that is set when a document of one of these names, of any kind, was written.

        Who waits for one of many documents is so not woken by the others. A write is never missed
        if the event is cleared before the document is read.
        """
        event = threading.Event()
        with self._changed:
            for name in names:
                self._watches.setdefault(name, set()).add(event)
        try:
            yield event
        finally:
            with self._changed:
                for name in names:
                    self._watches[name].discard(event)
                    if not self._watches[name]:
                        del self._watches[name]

    def wake(self, name: str) -> None:
        """Set the events of those that watch a name, as a write of its document does."""
        with self._changed:
            for event in self._watches.get(name, ()):
                event.set()
