"""The split into train, validation and test: by group, with the same shares of every count."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from preparation.errors import PreparationError
from preparation.order import shuffled

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Member:
    """An image as the split sees it."""

    id: str
    count: int
    group: str


def split(members: Sequence[Member], shares: Sequence[float], seed: int) -> dict[str, str]:
    """Choose the split of every image.

    scikit-learn's StratifiedGroupKFold makes folds of equal size, and some of them lack small
    classes. Here test and validation first get one group of every class; then each group goes where
    it brings the class counts nearest to the shares (least squares, relative to the target count).

    Args:
        members: The images.
        shares: The relative sizes of `SPLITS`.
        seed: The random seed of the order in which groups are assigned.

    Returns:
        id -> one of `SPLITS`.

    Raises:
        PreparationError: A class has too few groups for every split to get one.
    """
    groups: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        groups[member.group].append(member)
    classes = sorted({member.count for member in members})
    holders = {c: [g for g in groups if any(m.count == c for m in groups[g])] for c in classes}
    totals = Counter(member.count for member in members)
    targets = {
        (part, count): share / sum(shares) * totals[count]
        for part, share in zip(SPLITS, shares, strict=True)
        for count in classes
    }
    assigned: Counter[tuple[str, int]] = Counter()
    chosen: dict[str, str] = {}

    def assign(group: str, part: str) -> None:
        chosen[group] = part
        assigned.update((part, member.count) for member in groups[group])

    order = shuffled(groups, seed)
    for part in ("test", "validation"):
        for count in classes:
            if not assigned[part, count]:
                free = [g for g in order if g in holders[count] and g not in chosen]
                if free:
                    assign(min(free, key=lambda g: len(groups[g])), part)
    for group in sorted(order, key=lambda g: -len(groups[g])):
        if group not in chosen:
            adds = Counter(member.count for member in groups[group])
            assign(group, min(SPLITS, key=lambda part: _added_error(part, adds, assigned, targets)))
    for count, names in holders.items():
        if not all(assigned[part, count] for part in SPLITS):
            raise PreparationError(
                f"Images that hold {count} come from only {len(names)} different bins, too few for "
                f"each of {', '.join(SPLITS)} to get one. Take a larger subset (SubsetSize) or "
                "other Classes."
            )
    return {member.id: chosen[member.group] for member in members}


def join_train(
    others: Sequence[Member], members: Sequence[Member], splits: Mapping[str, str]
) -> tuple[list[Member], list[Member]]:
    """Find which images of other counts may be trained on: those of no bin in another split.

    Args:
        others: Images of counts that are never scored.
        members: The images that were split.
        splits: The split of each of `members`, by id.

    Returns:
        Those for train, and those that are not used because their group is in another split.
    """
    held_out = {member.group for member in members if splits[member.id] != "train"}
    return (
        [other for other in others if other.group not in held_out],
        [other for other in others if other.group in held_out],
    )


def _added_error(
    part: str,
    adds: Mapping[int, int],
    assigned: Mapping[tuple[str, int], int],
    targets: Mapping[tuple[str, int], float],
) -> float:
    """How much these images increase a split's squared distance from its target counts."""
    change = 0.0
    for count, number in adds.items():
        target, now = targets[part, count], assigned[part, count]
        change += ((now + number - target) ** 2 - (now - target) ** 2) / target
    return change
