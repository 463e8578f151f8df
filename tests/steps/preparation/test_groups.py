"""Same-bin groups, as pure functions."""

import csv
import os
import random
from collections import Counter
from pathlib import Path

import pytest

import bin_files
from preparation.groups import BLOCK, comparable, find_group, neighbour, unread_neighbours
from preparation.metadata import parse
from tests.steps.small_source import ROOT

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
    assert find_group(identity, ASINS) == group


@pytest.mark.parametrize(
    ("identity", "step", "following"),
    [("00009", 1, "00010"), ("99999", 1, "100000"), ("523", -1, "522"), ("9999", 1, None),
     ("00000", -1, None), ("front", 1, None), ("9²", 1, None),
     ("more-00009", 1, "more-00010"), ("a-b-7", -1, "a-b-6"), ("7-front", 1, None)],
)  # fmt: skip
def test_padded_and_unpadded_ids_are_two_numberings(
    identity: str, step: int, following: str | None
) -> None:
    assert neighbour(identity, step) == following


def test_numbers_of_five_digits_are_compared_where_there_are_no_records() -> None:
    names = ("00001", "100000", "7", "photo", "IMG_00001")
    folders = bin_files.find([f"3/{name}.jpg" for name in names], lambda _: b"")
    assert comparable(folders.files, folders) == {"00001", "100000"}
    pairs = [f"{part}/{name}" for name in names for part in ("bin-images", "metadata")]
    suffixes = {"bin-images": ".jpg", "metadata": ".json"}
    abid = bin_files.find([p + suffixes[p.partition("/")[0]] for p in pairs], lambda _: b"")
    assert comparable(abid.files, abid) == set(names)


def test_neighbours_that_were_not_chosen_are_read_until_the_groups_are_certain() -> None:
    known = set(ASINS)
    known_items = {i: ASINS[i] for i in ("00001", "00003")}
    assert unread_neighbours(["00001", "00003"], known_items, known) == {"00002"}
    known_items["00002"] = ASINS["00002"]
    assert unread_neighbours(["00001", "00003"], known_items, known) == set()
    assert find_group("00003", known_items) == "00001"


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
    assert [find_group(identity, items) for identity in items] == groups.split()


def test_a_source_that_names_no_items_is_grouped_in_blocks() -> None:
    items = {f"{number:05d}": NOTHING for number in range(3, 47)}
    groups = Counter(find_group(identity, items) for identity in items)
    assert groups == {"00003": 7, "00010": BLOCK, "00020": BLOCK, "00030": BLOCK, "00040": 7}


@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_the_same_whatever_else_was_chosen(seed: int) -> None:
    """The metadata read for a selection suffices: its groups are those of the whole source."""
    chance = random.Random(seed)
    kinds = (frozenset("a"), frozenset("ab"), frozenset("b"), NOTHING, None)
    source = {f"{n:05d}": chance.choice(kinds) for n in range(200) if chance.random() < 0.9}
    chosen = [identity for identity in source if source[identity] and chance.random() < 0.3]
    known_items = {identity: source[identity] for identity in chosen}
    while unread := unread_neighbours(chosen, known_items, set(source)):
        known_items |= {identity: source[identity] for identity in unread}
    assert [find_group(i, known_items) for i in chosen] == [find_group(i, source) for i in chosen]


ABID = Path(os.environ.get("TALLY_ABID", ROOT.parent / "shared" / "abid"))


@pytest.mark.skipif(
    not (ABID / "labels.csv").exists(), reason=f"no real bin images at {ABID} (TALLY_ABID)"
)
def test_groups_of_the_real_bins_are_those_of_labels_csv() -> None:
    folder = ABID / "aft-vbi-pds-224" / "metadata"
    asins = {f.stem: parse(f.stem, f.read_bytes()).asins for f in folder.glob("*.json")}
    with (ABID / "labels.csv").open() as file:
        known = {row["id"]: row["same_bin_group"] for row in csv.DictReader(file)}
    assert asins.keys() == known.keys()
    named = {identity for identity in asins if asins[identity]}  # the others are empty bins
    assert len(named) > 9800
    assert {i: find_group(i, asins) for i in named} == {i: known[i] for i in named}
