"""The start of several servers side by side, of which all must come up."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed


def start_together(starts: Sequence[Callable[[], object]], stop: Callable[[], object]) -> None:
    """Start servers, and return when all are up.

    Args:
        starts: start one each.
        stop: ends all of them, also those that are starting. It is called as soon as one has
            failed, so that nobody waits for the others.

    Raises:
        Exception: what the first one raised that failed.
    """
    with ThreadPoolExecutor(len(starts)) as pool:
        for started in as_completed([pool.submit(start) for start in starts]):
            try:
                started.result()
            except Exception:
                stop()
                raise
