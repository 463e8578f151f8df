"""What the books say of the items in the training images, for a training to learn beside counts."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from preparation.metadata import Bin

NAME = "items.csv"
COLUMNS = ("id", "kinds", "largest", "volume", "weight")


def write(place: Path, bins: Iterable[Bin]) -> None:
    """Write a line for each bin; what is not known stays empty.

    Columns: the image's id; the number of kinds of items; the largest quantity of one kind; volume
    in cubic inches and weight in pounds of all items together.
    """
    with place.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        for one in sorted(bins, key=lambda one: one.id):
            whole = [
                "" if mean is None else f"{mean * one.count:.4g}"
                for mean in (one.volume, one.weight)
            ]
            lines.writerow([one.id, len(one.asins), one.largest, *whole])
