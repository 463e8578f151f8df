"""Work that is kept in the store by an id, each in a thread of its own, and no more than once."""

import threading
from collections.abc import Callable


class Background:
    """The work of one kind that is under way in this server.

    A server that starts continues what the last one kept; another service that has started before
    may have begun some of it by then.
    """

    def __init__(self, run: Callable[[str], None]) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    def begin(self, identity: str) -> None:
        """Do the work of this id in the background, unless it is under way."""
        with self._lock:
            if identity in self._under_way:
                return
            self._under_way.add(identity)
        threading.Thread(target=self._do, args=(identity,), daemon=True).start()

    def _do(self, identity: str) -> None:
        try:
            self._run(identity)
        finally:
            with self._lock:
                self._under_way.discard(identity)
