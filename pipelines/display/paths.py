"""Paths in a table: as many folders as there is room for, and enough to tell two files apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

OMITTED = "…/"  # the folders above


def shorten(paths: Iterable[str], longest: int) -> dict[str, str]:
    """The end of each path, in whole names: the file, and the folders that fit beside it.

    Args:
        paths: Paths with `/` between their parts.
        longest: Columns for a path; a file's own name may be longer.

    Returns:
        What to show, by path; no two paths look the same.
    """
    all_ends = {path: _ends(path) for path in paths}
    count = Counter(end for ends in all_ends.values() for end in ends)
    return {path: _shown(ends, count, longest) for path, ends in all_ends.items()}


def _ends(path: str) -> list[str]:
    """The file's name, the same with its folder, and on to the whole path."""
    parts = path.split("/")
    return ["/".join(parts[at:]) for at in range(len(parts) - 1, -1, -1)]


def _shown(ends: list[str], count: Counter[str], longest: int) -> str:
    *_, path = ends
    least = next((at for at, end in enumerate(ends) if count[end] == 1), len(ends) - 1)
    for end in ends[:least:-1]:
        shown = path if end == path else OMITTED + end
        if len(shown) <= longest:
            return shown
    return ends[least]
