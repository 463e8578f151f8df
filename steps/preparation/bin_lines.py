"""bins.jsonl: the count and the stock record of each image of a split, a line for each.

    {"id": "00123", "count": 3, "items": [{"quantity": 2, "length": 8.1, ...}], "further": false,
     "audit": {"recorded_count": 4, "model_count": 4, "contradicts_both": true}}

Sizes are in inches and weights in pounds. `items` is null where no list of items is known;
`further` is true for bins of the further source. `audit` is null where the count is the record's.
Ids and names of items are never in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from preparation.metadata import Bin
from preparation.splitting import SPLITS

NAME = "bins.jsonl"


def write(
    output: Path, bins: Iterable[Bin], further: Iterable[Bin], splits: Mapping[str, str]
) -> None:
    """Write the file of each split.

    Args:
        output: The folder with a folder for each split.
        bins: The source's own bins.
        further: The bins of the further source, all for train.
        splits: The split of each of `bins`, by id.
    """
    lines: dict[str, list[str]] = {part: [] for part in SPLITS}
    for bin_ in sorted(bins, key=lambda one: one.id):
        lines[splits[bin_.id]].append(_line(bin_, further=False))
    lines["train"] += [_line(bin_, further=True) for bin_ in further]
    for part, texts in lines.items():
        (output / part / NAME).write_text("".join(texts))


def _line(bin_: Bin, *, further: bool) -> str:
    items = None if bin_.items is None else [item.as_dict() for item in bin_.items]
    line = {
        "id": bin_.id,
        "count": bin_.count,
        "items": items,
        "further": further,
        "audit": None if bin_.finding is None else asdict(bin_.finding),
    }
    return json.dumps(line) + "\n"
