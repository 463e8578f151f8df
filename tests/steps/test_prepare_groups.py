"""Same-bin groups and the split, as pure functions."""

from collections import Counter

import pytest
from preparation.groups import group_of, neighbour, open_ends
from preparation.problem import PreparationError
from preparation.splitting import SPLITS, Member, split

ASINS = {
    "00001": frozenset("a"),
    "00002": frozenset("ab"),
    "00003": frozenset("b"),
    "00004": frozenset("c"),
    "00005": frozenset(),
    "00006": frozenset("b"),
    "523": frozenset("a"),
    "524": frozenset("a"),
}


@pytest.mark.parametrize(
    ("identity", "group"),
    [("00001", "00001"), ("00003", "00001"), ("00004", "00004"), ("00005", "00005"),
     ("00006", "00006"), ("524", "523")],
)  # fmt: skip
def test_neighbours_that_share_an_item_are_one_group(identity: str, group: str) -> None:
    assert group_of(identity, ASINS) == group


@pytest.mark.parametrize(
    ("identity", "step", "following"),
    [("00009", 1, "00010"), ("99999", 1, "100000"), ("523", -1, "522"), ("9999", 1, None),
     ("00000", -1, None), ("front", 1, None)],
)  # fmt: skip
def test_padded_and_unpadded_ids_are_two_numberings(
    identity: str, step: int, following: str | None
) -> None:
    assert neighbour(identity, step) == following


def test_neighbours_that_were_not_chosen_are_looked_at_until_the_groups_are_sure() -> None:
    known = set(ASINS)
    looked_at = {i: ASINS[i] for i in ("00001", "00003")}
    assert open_ends(["00001", "00003"], looked_at, known) == {"00002", "00004"}
    looked_at |= {i: ASINS[i] for i in ("00002", "00004")}
    assert open_ends(["00001", "00003"], looked_at, known) == set()
    assert group_of("00003", looked_at) == "00001"


def members(groups_of: dict[int, int], size: int = 1) -> list[Member]:
    """`groups_of[count]` groups of `size` images of each count."""
    return [
        Member(f"{count}-{group}-{n}", count, f"{count}-{group}")
        for count, groups in groups_of.items()
        for group in range(groups)
        for n in range(size)
    ]


@pytest.mark.parametrize(
    ("groups_of", "size"),
    [({1: 10, 2: 10}, 1), ({1: 100, 2: 37, 3: 61}, 1), ({1: 40, 2: 40}, 3), ({1: 3, 2: 300}, 1)],
    ids=["small", "uneven", "large-groups", "rare-class"],
)
def test_shares_are_met_for_every_class_within_one_group(
    groups_of: dict[int, int], size: int
) -> None:
    everything = members(groups_of, size)
    parts = split(everything, (8, 1, 1), seed=0)
    placed = Counter((parts[m.id], m.count) for m in everything)
    for count, groups in groups_of.items():
        for part, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
            assert placed[part, count] >= 1
            assert abs(placed[part, count] - share * groups * size) <= max(size, 1.5)


def test_a_class_of_two_bins_cannot_be_split() -> None:
    with pytest.raises(PreparationError, match="2 different bins"):
        split(members({1: 20, 2: 2}), (8, 1, 1), seed=0)
