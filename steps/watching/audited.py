"""The accuracy of a window by audits: what people found when they looked into bins.

People look at what the model doubts and at few bins that it passes, so each audit stands for the
bins of its verdict (audited_shares.py), whose numbers the captured answers give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

import audits
from audited_shares import Group, Share, over_groups
from counts import Classes

NO_VERDICT = "none"


@dataclass(frozen=True)
class Audited:
    """What audits say about the answers of a window.

    Attributes:
        groups: bins by verdict, those that people looked into, and the right counts among these.
        unreadable: files that are no audit.
    """

    groups: Mapping[str, Group]
    unreadable: int = 0

    @property
    def audited(self) -> int:
        """How many bins people looked into and counted."""
        return sum(group.audited for group in self.groups.values())

    @property
    def looked_into(self) -> list[Group]:
        """The groups of which at least one bin was looked into."""
        return [group for group in self.groups.values() if group.audited]

    @property
    def value(self) -> float:
        """The share of right counts over the groups that were looked into."""
        groups = self.looked_into
        bins = sum(group.bins for group in groups)
        return sum(group.bins / bins * group.hits / group.audited for group in groups)

    @property
    def share(self) -> Share | None:
        """The share of right counts over all bins with its interval; None if it is not known."""
        return over_groups(self.looked_into)


def read(folder: Path, since: datetime, until: datetime) -> tuple[list[audits.Audit], int]:
    """The decisions that hold of a window, and how many files could not be read.

    Args:
        folder: the log of audits; it may be missing.
        since: with a time zone.
        until: the same.
    """
    entries, unreadable = [], 0
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if not file.is_file() or not audits.is_entry(name):
            continue
        try:
            entries.append(audits.read(file.read_bytes()))
        except audits.AuditError:
            unreadable += 1
    held = [
        entry
        for entry in audits.effective(entries)
        if since <= datetime.fromisoformat(entry.when.replace("Z", "+00:00")) < until
    ]
    return held, unreadable


def group(
    entries: Sequence[audits.Audit],
    answered: Mapping[str, int],
    classes: Classes,
    unreadable: int = 0,
) -> Audited | None:
    """Group audits by verdict; None if none of them has a count that the model answered.

    Args:
        entries: decisions that hold.
        answered: how many answers of the window had each verdict.
        classes: of the model.
        unreadable: files that are no audit.
    """
    looked: dict[str, list[bool]] = {}
    for entry in entries:
        if entry.true_count is None or entry.model_count is None:
            continue
        right = classes.of(entry.true_count) == entry.model_count
        looked.setdefault(entry.verdict, []).append(right)
    if not looked:
        return None
    return Audited(
        {
            # Where capture was on for a part of the window, more are audited than captured.
            verdict: Group(max(answered.get(verdict, 0), len(right)), len(right), sum(right))
            for verdict, right in sorted(looked.items())
        },
        unreadable,
    )


def chance_of_fewer(
    found: Audited, right: int, images: int, generator: np.random.Generator, draws: int = 20_000
) -> float:
    """The probability of a share of right counts as low, if the accuracy is that of the test.

    The accuracy of the test is drawn from its Beta distribution, as it is known from few photos.
    """
    accuracy = generator.beta(right + 0.5, images - right + 0.5, draws)
    groups = found.looked_into
    bins = sum(group.bins for group in groups)
    drawn = sum(
        group.bins / bins * generator.binomial(group.audited, accuracy) / group.audited
        for group in groups
    )
    return (1 + int((np.asarray(drawn) <= found.value + 1e-12).sum())) / (1 + draws)
