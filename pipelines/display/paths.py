"""Paths in a table: as many folders as there is room for, and enough to tell two files apart."""

from __future__ import annotations

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
    parts = {path: path.split("/") for path in paths}
    return {path: _end(path, parts, longest) for path in parts}


def _end(path: str, parts: dict[str, list[str]], longest: int) -> str:
    own = parts[path]
    others = [other for other in parts.values() if other != own]
    least = next(
        (n for n in range(1, len(own)) if not any(own[-n:] == other[-n:] for other in others)),
        len(own),
    )
    for number in range(len(own), least, -1):
        shown = path if number == len(own) else OMITTED + "/".join(own[-number:])
        if len(shown) <= longest:
            return shown
    return path if least == len(own) else "/".join(own[-least:])
