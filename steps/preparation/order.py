"""A random order that depends only on the seed and the names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def shuffled(names: Iterable[str], seed: int) -> list[str]:
    """Return the names in random order; adding names does not change the order of the others."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
