"""The split into train, validation and test: by group, with the same shares of every class."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from counts import Classes
from preparation.errors import PreparationError
from preparation.order import shuffled

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Member:
    """An image as the split sees it."""

    id: str
    count: int
    group: str


def split(
    members: Sequence[Member], shares: Sequence[float], seed: int, classes: Classes
) -> dict[str, str]:
    """Choose the split of every image.

    scikit-learn's StratifiedGroupKFold makes folds of equal size, and some of them lack small
    classes. Here test and validation first get one group of every class; then each group goes where
    it brings the class counts nearest to the shares (least squares, relative to the target count).

    Args:
        members: The images.
        shares: The relative sizes of `SPLITS`.
        seed: The random seed of the order in which groups are assigned.
        classes: The classes; every member is of one.

    Returns:
        id -> one of `SPLITS`.

    Raises:
        PreparationError: A class has too few groups for every split to get one.
    """
    groups: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        groups[member.group].append(member)
    of = {member.id: _class(member, classes) for member in members}
    totals = Counter(of.values())
    there = sorted(totals)
    holders = {c: [g for g in groups if any(of[m.id] == c for m in groups[g])] for c in there}
    targets = {
        (part, class_): share / sum(shares) * totals[class_]
        for part, share in zip(SPLITS, shares, strict=True)
        for class_ in there
    }
    assigned: Counter[tuple[str, int]] = Counter()
    chosen: dict[str, str] = {}

    def assign(group: str, part: str) -> None:
        chosen[group] = part
        assigned.update((part, of[member.id]) for member in groups[group])

    order = shuffled(groups, seed)
    for part in ("test", "validation"):
        for class_ in there:
            if not assigned[part, class_]:
                free = [g for g in order if g in holders[class_] and g not in chosen]
                if free:
                    assign(min(free, key=lambda g: len(groups[g])), part)
    for group in sorted(order, key=lambda g: -len(groups[g])):
        if group not in chosen:
            adds = Counter(of[member.id] for member in groups[group])
            assign(group, min(SPLITS, key=lambda part: _added_error(part, adds, assigned, targets)))
    for class_, names in holders.items():
        if not all(assigned[part, class_] for part in SPLITS):
            raise PreparationError(
                f"Images that hold {classes.words(class_)} come from only {len(names)} different "
                f"bins, too few for each of {', '.join(SPLITS)} to get one. Take a larger subset "
                "(SubsetSize) or other Classes."
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


def _class(member: Member, classes: Classes) -> int:
    class_ = classes.of(member.count)
    assert class_ is not None, "only images of the classes are split"
    return class_


def _added_error(
    part: str,
    adds: Mapping[int, int],
    assigned: Mapping[tuple[str, int], int],
    targets: Mapping[tuple[str, int], float],
) -> float:
    """How much these images increase a split's squared distance from its target counts."""
    change = 0.0
    for class_, number in adds.items():
        target, now = targets[part, class_], assigned[part, class_]
        change += ((now + number - target) ** 2 - (now - target) ** 2) / target
    return change
