"""The split by group, as a pure function."""

from collections import Counter

import pytest

from counts import Classes
from preparation.errors import PreparationError
from preparation.splitting import SPLITS, Member, join_train, split


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
    parts = split(everything, (8, 1, 1), seed=0, classes=Classes.parse("1-3"))
    placed = Counter((parts[m.id], m.count) for m in everything)
    for count, groups in groups_of.items():
        for part, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
            assert placed[part, count] >= 1
            assert abs(placed[part, count] - share * groups * size) <= max(size, 1.5)


def test_a_class_of_two_bins_cannot_be_split() -> None:
    with pytest.raises(PreparationError, match="2 different bins"):
        split(members({1: 20, 2: 2}), (8, 1, 1), seed=0, classes=Classes.parse("1-3"))


def test_a_class_whose_three_bins_are_all_held_out_is_refused() -> None:
    counts = {"a": (2, 1), "b": (1, 2), "c": (2, 2), "d": (1,)}  # of the images of each bin
    few = [
        Member(f"{g}{n}", count, g) for g, held in counts.items() for n, count in enumerate(held)
    ]
    with pytest.raises(PreparationError, match="hold 1 come from only 3 different bins"):
        split(few, (8, 1, 1), seed=0, classes=Classes.parse("1-3"))


def test_images_for_training_only_are_never_of_a_bin_in_validation_or_test() -> None:
    scored = members({1: 30, 2: 30})
    parts = split(scored, (8, 1, 1), seed=0, classes=Classes.parse("1-3"))
    others = [Member(f"of-{m.id}", 7, m.group) for m in scored] + [Member("alone", 0, "alone")]
    train_only, left_out = join_train(others, scored, parts)
    assert {m.group for m in train_only} == {m.group for m in scored if parts[m.id] == "train"} | {
        "alone"
    }
    assert {m.group for m in left_out} == {m.group for m in scored if parts[m.id] != "train"}
