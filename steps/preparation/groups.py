"""Same-bin groups: neighbouring ids are often one bin, photographed before and after a change.

In the public images 41 % of consecutive ids share an item, but only 0.01 % of random pairs. A split
that separates them lets the model recognise test images (docs/leaks.md), so a group goes into one
split as a whole.

Where items cannot be compared, contiguous ids form a group instead, within blocks of `BLOCK` ids:

- An id whose metadata has no item (an empty bin) joins the id before it. It never joins the id
  after it, although that may be the same bin: it would unite bins whose own items differ.
- An id whose neighbour exists but has no readable metadata joins it, and so perhaps the one beyond.

A block begins where the id is a multiple of `BLOCK`, so that groups do not depend on which images
were chosen. Two ids that both have items are compared by these alone.

In sub-folders an id is FOLDER-NUMBER, and only numbers of one folder are neighbours. Where a source
has no stock records at all, a short number says little: people number their pictures, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bin_files import Bins

WIDTH = 5  # ids are padded to five digits, but the bucket also has unpadded ones, which differ
BLOCK = 10  # ids; of the 6,069 groups among the first 10,000 public bins none has more than three

# The items of each id whose metadata has been read; None where they are missing or unreadable.
Items = Mapping[str, frozenset[str] | None]


def comparable(ids: Iterable[str], bins: Bins) -> set[str]:
    """Return the ids whose numbers may tell which bins are one.

    Args:
        ids: The ids.
        bins: The bins of their source: without stock records only numbers as long as ABID's count.
    """
    if bins.layout == "abid" or any(one.items is not None for one in bins.files.values()):
        return set(ids)
    return {identity for identity in ids if identity.isdecimal() and len(identity) >= WIDTH}


def neighbour(identity: str, step: int) -> str | None:
    """Return the id `step` further in the same numbering, or None if there can be none."""
    folder, dash, digits = identity.rpartition("-")
    if not digits.isdecimal():
        return None
    number = int(digits) + step
    if number < 0:
        return None
    if digits == f"{int(digits):0{WIDTH}d}":
        return f"{folder}{dash}{number:0{WIDTH}d}"
    # Unpadded ids end where five digits begin: from there on both numberings read the same.
    return f"{folder}{dash}{number}" if number < 10 ** (WIDTH - 1) else None


def unread_neighbours(chosen: Iterable[str], items: Items, known: set[str]) -> set[str]:
    """Return the ids whose metadata must be read before the groups of the chosen ids are certain.

    Args:
        chosen: The ids to group.
        items: The items of every id whose metadata has been read.
        known: The ids that exist, with or without metadata.
    """
    unread = set()
    for identity in chosen:
        here = identity
        while (before := neighbour(here, -1)) in known:
            assert before is not None
            if before not in items:
                unread.add(before)
                break
            if not _joined(before, here, items):
                break
            here = before
    return unread


def find_group(identity: str, items: Items) -> str:
    """Return the group of an id, named after its first member; every id in `items` exists."""
    first = identity
    while (before := neighbour(first, -1)) is not None and before in items:
        if not _joined(before, first, items):
            break
        first = before
    return first


def _joined(before: str, identity: str, items: Items) -> bool:
    """Whether an id is in one group with the one before it."""
    here, there = items[identity], items[before]
    if here and there is not None:
        return bool(here & there)
    return int(identity.rpartition("-")[2]) % BLOCK != 0
