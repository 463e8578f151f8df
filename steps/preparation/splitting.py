"""The split into train, validation and test: by group, and alike in counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from preparation.order import shuffled
from preparation.problem import PreparationError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Member:
    """An image as the split sees it."""

    id: str
    count: int
    group: str


def split(members: Sequence[Member], shares: Sequence[float], seed: int) -> dict[str, str]:
    """Choose the split of every image.

    scikit-learn's StratifiedGroupKFold makes folds of equal size and leaves small classes out of
    some of them. Here one group of every class is given to test and to validation first; then each
    group goes where it brings the class counts nearest to the shares (least squares, relative to
    the wanted count).

    Args:
        members: The images.
        shares: The relative sizes of `SPLITS`.
        seed: Of the order in which groups are placed.

    Returns:
        id -> one of `SPLITS`.

    Raises:
        PreparationError: A class has too few groups, so that some split lacks it.
    """
    groups: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        groups[member.group].append(member)
    classes = sorted({member.count for member in members})
    holders = {c: [g for g in groups if any(m.count == c for m in groups[g])] for c in classes}
    totals = Counter(member.count for member in members)
    wanted = {
        (part, count): share / sum(shares) * totals[count]
        for part, share in zip(SPLITS, shares, strict=True)
        for count in classes
    }
    placed: Counter[tuple[str, int]] = Counter()
    chosen: dict[str, str] = {}

    def place(group: str, part: str) -> None:
        chosen[group] = part
        placed.update((part, member.count) for member in groups[group])

    order = shuffled(groups, seed)
    for part in ("test", "validation"):
        for count in classes:
            if not placed[part, count]:
                free = [g for g in order if g in holders[count] and g not in chosen]
                if free:
                    place(min(free, key=lambda g: len(groups[g])), part)
    for group in sorted(order, key=lambda g: -len(groups[g])):
        if group not in chosen:
            adds = Counter(member.count for member in groups[group])
            place(group, min(SPLITS, key=lambda part: _worse(part, adds, placed, wanted)))
    for count, names in holders.items():
        if not all(placed[part, count] for part in SPLITS):
            raise PreparationError(
                f"Images that hold {count} come from only {len(names)} different bins, too few for "
                f"each of {', '.join(SPLITS)} to get one. Take a larger subset (SubsetSize) or "
                "other Classes."
            )
    return {member.id: chosen[member.group] for member in members}


def join_train(
    others: Sequence[Member], members: Sequence[Member], parts: Mapping[str, str]
) -> tuple[list[Member], list[Member]]:
    """Which images of other counts may be learnt from: those of no bin that is judged on.

    Args:
        others: Images of counts that are never judged.
        members: The images that were split.
        parts: Their splits, of `split`.

    Returns:
        Those for train, and those that are left out because their group is in another split.
    """
    held_out = {member.group for member in members if parts[member.id] != "train"}
    return (
        [other for other in others if other.group not in held_out],
        [other for other in others if other.group in held_out],
    )


def _worse(
    part: str,
    adds: Mapping[int, int],
    placed: Mapping[tuple[str, int], int],
    wanted: Mapping[tuple[str, int], float],
) -> float:
    """How much further from the wanted counts a split is with these images than without."""
    change = 0.0
    for count, number in adds.items():
        goal, now = wanted[part, count], placed[part, count]
        change += ((now + number - goal) ** 2 - (now - goal) ** 2) / goal
    return change
