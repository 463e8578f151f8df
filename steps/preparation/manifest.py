"""The manifest: every image with its count, group and split, and every quarantined bin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from preparation.collector import Collection
from preparation.further import Further
from preparation.metadata import Bin
from preparation.options import Options
from preparation.splitting import SPLITS, Member


def build(
    options: Options,
    collection: Collection,
    splits: Mapping[str, str],
    left_out: Sequence[Member],
    further: Further,
) -> dict[str, Any]:
    """Return the content of manifest.json.

    Args:
        options: What was asked for.
        collection: What was chosen and fetched.
        splits: The split of each image, by id.
        left_out: Images of other counts whose bins are in validation or test.
        further: What was taken from the further source.
    """
    bins = sorted((*collection.bins, *collection.others), key=lambda bin_: bin_.id)
    images = [
        _row(bin_, collection.sizes[bin_.id], collection.groups[bin_.id], splits[bin_.id])
        for bin_ in bins
        if bin_.id in splits
    ]
    scored = {bin_.id for bin_ in collection.bins}
    classes = options.classes
    counts = Counter(
        (row["split"], classes.of(row["count"])) for row in images if row["id"] in scored
    )
    others = Counter(row["count"] for row in images if row["id"] not in scored)
    there = sorted({class_ for _, class_ in counts if class_ is not None})
    quarantined = sorted((collection.quarantined | further.quarantined).items())
    return {
        "source": options.source,
        "further_source": options.further,
        "file_list": options.file_list,
        "data_version": options.data_version,
        "classes": classes.text,
        "learn_from": options.learn_from,
        "split": ":".join(f"{share:g}" for share in options.split),
        "seed": options.seed,
        "subset_size": options.subset_size,
        "store_size": options.store_size,
        "counts": {part: {classes.name(c): counts[part, c] for c in there} for part in SPLITS},
        "groups": len({image["group"] for image in images}),
        "other_counts": _by_count(collection.other_counts),  # of the examined bins
        "other_counts_in_train": _by_count(others),
        "further": _by_count(Counter(bin_.count for bin_ in further.bins)),
        "further_not_used": {
            "held_out": further.held_out,
            "other_counts": _by_count(further.other_counts),
        },
        "left_out": [asdict(member) for member in left_out],
        "listed_but_absent": collection.absent,
        "disagreements": collection.disagreements,
        "images": images
        + [
            _row(bin_, further.sizes[bin_.id], bin_.id, "train") | {"further": True}
            for bin_ in further.bins
        ],
        "quarantined": [
            {"id": identity, "reason": error.reason, "detail": str(error)}
            for identity, error in quarantined
        ],
    }


def summarize(manifest: Mapping[str, Any]) -> list[str]:
    """Return the lines that tell the outcome in the log."""
    by_split = manifest["counts"]
    lines = [
        f"{part:<10} {sum(counts.values()):>6} images: {_listing(counts)}"
        for part, counts in by_split.items()
    ]
    own = sum(not image.get("further") for image in manifest["images"])
    lines.append(f"{own} images of {manifest['groups']} bins; no bin is in two splits")
    totals = {count: sum(c[count] for c in by_split.values()) for count in by_split["train"]}
    if manifest["subset_size"] and len(set(totals.values())) > 1:
        lines.append(f"too few images of some counts for a balanced subset: {_listing(totals)}")
    reasons = Counter(entry["reason"] for entry in manifest["quarantined"])
    for label, value in (
        (f"counts outside {manifest['classes']}", _listing(manifest["other_counts"])),
        ("used for training, never scored", _listing(manifest["other_counts_in_train"])),
        ("further bins, for training only", _listing(manifest["further"])),
        (
            "further bins not used, as they may be in validation or test",
            len(manifest["further_not_used"]["held_out"]),
        ),
        (
            "other counts not used, as their bins are in validation or test",
            len(manifest["left_out"]),
        ),
        ("in the file list, not in the source", manifest["listed_but_absent"]),
        ("other count in the file list than in the metadata", len(manifest["disagreements"])),
        ("quarantined", _listing(reasons) or "none"),
    ):
        if value:
            lines.append(f"{label}: {value}")
    return lines


def _row(bin_: Bin, size: tuple[int, int], group: str, part: str) -> dict[str, Any]:
    """The entry of one image; `volume` is that of a mean item in cubic inches."""
    return {
        "id": bin_.id,
        "count": bin_.count,
        "group": group,
        "split": part,
        "width": size[0],
        "height": size[1],
        "items": len(bin_.asins),
        "volume": None if bin_.volume is None else round(bin_.volume, 2),
        **({} if bin_.adds_up else {"quantities_add_up": False}),
    }


def _by_count(numbers: Counter[int]) -> dict[str, int]:
    return {str(count): number for count, number in sorted(numbers.items())}


def _listing(numbers: Mapping[Any, int]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in numbers.items())
