"""Same-bin groups: neighbouring ids are often one bin, photographed before and after a change.

Of the public images 41 % of consecutive ids share an item, of random pairs 0.01 %. A split that
parts them lets the model recognise test images (docs/leaks.md), so a group goes into one split as a
whole.

Where items cannot be compared, contiguous ids are a group instead, cut into blocks of `BLOCK`:

- An id whose metadata names no item (an empty bin) joins the id before it. It never joins the id
  after it, which may still be the same bin: that would make one group of bins that their own items
  tell apart.
- An id whose neighbour exists but has no readable metadata joins it, and so perhaps the one beyond.

A block begins where the id is a multiple of `BLOCK`, whatever was chosen, so that groups are the
same in every choice. Ids that both have items are compared by them alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

WIDTH = 5  # ids are padded to five digits, but the bucket also has unpadded ones, which differ
BLOCK = 10  # ids; of the 6,069 groups among the first 10,000 public bins none has more than three

# The items of ids that have been looked at; None where there is no readable metadata.
Items = Mapping[str, frozenset[str] | None]


def neighbour(identity: str, step: int) -> str | None:
    """The id `step` places on in the same numbering, or None where there can be none."""
    if not identity.isdecimal():
        return None
    number = int(identity) + step
    if number < 0:
        return None
    if identity == f"{int(identity):0{WIDTH}d}":
        return f"{number:0{WIDTH}d}"
    # Unpadded ids end where five digits begin: from there on both numberings read the same.
    return str(number) if number < 10 ** (WIDTH - 1) else None


def open_ends(chosen: Iterable[str], items: Items, known: set[str]) -> set[str]:
    """Ids whose metadata must be looked at before the groups of the chosen ids are sure.

    Args:
        chosen: The ids to be grouped.
        items: Of every id that has been looked at.
        known: The ids that exist, with or without metadata.
    """
    wanted = set()
    for identity in chosen:
        here = identity
        while (before := neighbour(here, -1)) in known:
            assert before is not None
            if before not in items:
                wanted.add(before)
                break
            if not _joined(before, here, items):
                break
            here = before
    return wanted


def group_of(identity: str, items: Items) -> str:
    """The group of an id, named after its first member; every id in `items` exists."""
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
    return int(identity) % BLOCK != 0
