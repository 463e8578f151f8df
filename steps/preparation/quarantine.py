"""The bins that are not used, each with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

EXAMPLES = 3  # ids that a summary names for each reason


@dataclass(frozen=True)
class QuarantinedBin:
    """A bin that is not used; `reason` is the manifest's term for why."""

    id: str
    reason: str
    detail: str


def summarize(quarantined: Iterable[QuarantinedBin]) -> str:
    """How many bins are quarantined for each reason, with the first ids; "" for none."""
    ids: dict[str, list[str]] = defaultdict(list)
    for entry in quarantined:
        ids[entry.reason].append(entry.id)
    return ", ".join(
        f"{reason}: {len(names)} ({' '.join(sorted(names)[:EXAMPLES])}"
        f"{' ...' if len(names) > EXAMPLES else ''})"
        for reason, names in ids.items()
    )
