"""What LogFiles tells of what it writes."""

from collections.abc import Sequence


class Watcher:
    """Takes what is written to groups. This one has nothing to do with it; `LogFilters` has."""

    def apply(self, group: str, stream: str, events: Sequence[tuple[float, str]]) -> None:
        """Take what was written to a stream: times in seconds since the epoch, and messages."""

    def forget(self, group: str) -> None:
        """Read again what is known of a group."""

    def delete(self, group: str) -> None:
        """Delete what is known of a group that is deleted."""
