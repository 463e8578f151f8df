"""Same-bin groups and the split, as pure functions."""

import random
from collections import Counter

import pytest

from preparation.groups import BLOCK, group_of, neighbour, open_ends
from preparation.problem import PreparationError
from preparation.splitting import SPLITS, Member, join_train, split

ASINS: dict[str, frozenset[str] | None] = {
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
    [("00001", "00001"), ("00003", "00001"), ("00004", "00004"), ("00006", "00006"),
     ("524", "523")],
)  # fmt: skip
def test_neighbours_that_share_an_item_are_one_group(identity: str, group: str) -> None:
    assert group_of(identity, ASINS) == group


@pytest.mark.parametrize(
    ("identity", "step", "following"),
    [("00009", 1, "00010"), ("99999", 1, "100000"), ("523", -1, "522"), ("9999", 1, None),
     ("00000", -1, None), ("front", 1, None), ("9²", 1, None)],
)  # fmt: skip
def test_padded_and_unpadded_ids_are_two_numberings(
    identity: str, step: int, following: str | None
) -> None:
    assert neighbour(identity, step) == following


def test_neighbours_that_were_not_chosen_are_looked_at_until_the_groups_are_sure() -> None:
    known = set(ASINS)
    looked_at = {i: ASINS[i] for i in ("00001", "00003")}
    assert open_ends(["00001", "00003"], looked_at, known) == {"00002"}
    looked_at["00002"] = ASINS["00002"]
    assert open_ends(["00001", "00003"], looked_at, known) == set()
    assert group_of("00003", looked_at) == "00001"


NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("items", "groups"),
    [
        ({"00004": frozenset("c"), "00005": NOTHING, "00006": frozenset("c")}, "00004 00004 00006"),
        ({"00004": frozenset("c"), "00005": None, "00006": frozenset("d")}, "00004 00004 00004"),
        ({"00004": None, "00005": frozenset("c"), "00006": frozenset("d")}, "00004 00004 00006"),
        ({"00009": frozenset("c"), "00010": NOTHING, "00011": NOTHING}, "00009 00010 00010"),
        ({"00007": frozenset("c"), "00009": NOTHING, "00011": NOTHING}, "00007 00009 00011"),
        ({"00019": None, "00020": frozenset("c"), "front": NOTHING}, "00019 00020 front"),
    ],
    ids=["empty-bin", "no-metadata", "none-before", "block-begins", "gaps", "no-number"],
)
def test_ids_that_cannot_be_compared_join_the_one_before_in_their_block(
    items: dict[str, frozenset[str] | None], groups: str
) -> None:
    assert [group_of(identity, items) for identity in items] == groups.split()


def test_a_source_that_names_no_items_is_grouped_in_blocks() -> None:
    items = {f"{number:05d}": NOTHING for number in range(3, 47)}
    groups = Counter(group_of(identity, items) for identity in items)
    assert groups == {"00003": 7, "00010": BLOCK, "00020": BLOCK, "00030": BLOCK, "00040": 7}


@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_the_same_whatever_else_was_chosen(seed: int) -> None:
    """What is looked at for a choice suffices: groups are those of the whole source."""
    chance = random.Random(seed)
    kinds = (frozenset("a"), frozenset("ab"), frozenset("b"), NOTHING, None)
    source = {f"{n:05d}": chance.choice(kinds) for n in range(200) if chance.random() < 0.9}
    chosen = [identity for identity in source if source[identity] and chance.random() < 0.3]
    looked_at = {identity: source[identity] for identity in chosen}
    while wanted := open_ends(chosen, looked_at, set(source)):
        looked_at |= {identity: source[identity] for identity in wanted}
    assert [group_of(i, looked_at) for i in chosen] == [group_of(i, source) for i in chosen]


def test_what_is_only_learnt_from_stays_out_of_the_groups_that_are_judged() -> None:
    judged = members({1: 30, 2: 30})
    parts = split(judged, (8, 1, 1), seed=0)
    others = [Member(f"of-{m.id}", 7, m.group) for m in judged] + [Member("alone", 0, "alone")]
    taught, left_out = join_train(others, judged, parts)
    assert {m.group for m in taught} == {m.group for m in judged if parts[m.id] == "train"} | {
        "alone"
    }
    assert {m.group for m in left_out} == {m.group for m in judged if parts[m.id] != "train"}


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


def test_a_class_whose_three_bins_are_all_held_out_is_refused() -> None:
    counts = {"a": (2, 1), "b": (1, 2), "c": (2, 2), "d": (1,)}  # of the images of each bin
    few = [
        Member(f"{g}{n}", count, g) for g, held in counts.items() for n, count in enumerate(held)
    ]
    with pytest.raises(PreparationError, match="hold 1 come from only 3 different bins"):
        split(few, (8, 1, 1), seed=0)
