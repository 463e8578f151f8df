"""The names of files below a folder or an S3 prefix: which are hidden, which are pictures.

A name is a path with slashes. It needs the standard library only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

CONTENT_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
# What Windows and macOS leave in folders and archives, beside everything that begins with a dot.
COMPANIONS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin"})
LONGEST_ID = 100  # bytes; an id is a file's name in Prepare's output


def is_hidden(name: str) -> bool:
    """Whether a file is never a bin: hidden, in a hidden folder, or one that a system has left."""
    return any(part.startswith(".") or part.lower() in COMPANIONS for part in name.split("/"))


def content_type(name: str) -> str | None:
    """The content type of a picture by its name; None for any other file, and for hidden ones."""
    return None if is_hidden(name) else CONTENT_TYPES.get(suffix_of(name))


def number_folders(name: str) -> list[str]:
    """The folders of a path that are named by a number of at most nine digits."""
    folders = name.split("/")[:-1]
    return [part for part in folders if part.isascii() and part.isdigit() and len(part) <= 9]


def suffix_of(name: str) -> str:
    """The suffix of a file in lower case, with its dot; empty if it has none."""
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return dot + suffix.lower() if stem else ""


def stem_of(name: str) -> str:
    """A path without the suffix of its file."""
    return name[: len(name) - len(suffix_of(name))]


def folders_of(name: str) -> list[str]:
    """The folders of a path, in lower case."""
    return name.casefold().split("/")[:-1]


def make_ids(paths: Mapping[Any, str]) -> dict[Any, str]:
    """An id for each path: the file's own name; if two share one, the whole path for all of them.

    Numbered pictures of ABID keep their numbers where that is possible, as neighbours in number may
    be one bin (preparation/groups.py).
    """
    own = Counter(path.rpartition("/")[2].casefold() for path in paths.values())
    unique = all(number == 1 for number in own.values())
    chosen: dict[Any, str] = {}
    taken: set[str] = set()
    for key, path in sorted(paths.items(), key=lambda pair: (pair[1].count("/"), str(pair[0]))):
        identity = path.rpartition("/")[2] if unique else path.replace("/", "-")
        text = identity.encode(errors="replace")
        if identity.casefold() in taken or len(text) > LONGEST_ID:
            digest = hashlib.sha256(str(key).encode(errors="surrogateescape")).hexdigest()[:8]
            identity = f"{text[-LONGEST_ID:].decode(errors='ignore')}-{digest}"
        taken.add(identity.casefold())
        chosen[key] = identity
    return chosen
