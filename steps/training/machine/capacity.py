"""Memory that this process may still use: the machine's, or its container's if that is less."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
# For cgroups 2 and 1: limit, use, and in the statistics the cached files, which can be evicted.
CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def available(cgroups: Path = CGROUPS) -> int:
    """Free memory in bytes; cached files count as free.

    Args:
        cgroups: where the kernel shows the limits of this container.
    """
    free = int(psutil.virtual_memory().available)
    for limit, use, statistics, cached in CGROUP_FILES:
        largest = _number(cgroups / limit)
        if largest is not None:
            used = (_number(cgroups / use) or 0) - _statistic(cgroups / statistics, cached)
            free = min(free, largest - used)
    return max(0, free)


def available_to_each(variables: Mapping[str, str]) -> int:
    """This process's share of `available`, in bytes, if several train on this machine.

    Args:
        variables: environment; LOCAL_WORLD_SIZE is set by `torch.distributed.run`.
    """
    return available() // int(variables.get("LOCAL_WORLD_SIZE", "1"))


def _number(file: Path) -> int | None:
    """The number in a file; None if there is no such file or it contains `max`."""
    text = file.read_text().strip() if file.is_file() else ""
    return int(text) if text.isdecimal() else None


def _statistic(file: Path, name: str) -> int:
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
