"""How much memory this process may still take: of the machine, or of a container that has less."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
# Limit, use, and the name in memory.stat of cached files, which are given up when memory is wanted.
KINDS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def available(cgroups: Path = CGROUPS) -> int:
    """Bytes; cached files count as free.

    Args:
        cgroups: where the kernel shows this container's limits, of either version.
    """
    free = int(psutil.virtual_memory().available)
    for limit, use, statistics, cached in KINDS:
        most = _number(cgroups / limit)
        if most is not None:
            used = (_number(cgroups / use) or 0) - _statistic(cgroups / statistics, cached)
            free = min(free, most - used)
    return max(0, free)


def each(variables: Mapping[str, str]) -> int:
    """Bytes for this process, where as many on this machine want as much.

    Args:
        variables: LOCAL_WORLD_SIZE, of `torch.distributed.run`.
    """
    return available() // int(variables.get("LOCAL_WORLD_SIZE", "1"))


def _number(file: Path) -> int | None:
    """The number in a file; none where there is no such file or it says `max`."""
    text = file.read_text().strip() if file.is_file() else ""
    return int(text) if text.isdecimal() else None


def _statistic(file: Path, name: str) -> int:
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
