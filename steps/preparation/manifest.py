"""The manifest: every image with its count, group and split, and every quarantined bin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from preparation.audited import Auditor, Log
from preparation.collector import Collection
from preparation.further import Further
from preparation.metadata import Bin
from preparation.options import Options
from preparation.splitting import SPLITS, Member

RECORD, AUDIT = "record", "audit"  # where an image's count comes from


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
        "audit_source": options.audits,
        "audit_version": options.audit_version,
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


def of_audits(
    log: Log, auditors: Sequence[Auditor], images: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what the audits changed, for the manifest.

    Args:
        log: The log of audits.
        auditors: Those of the sources, after the bins were collected.
        images: The rows of the manifest's images.
    """
    used = [row for row in images if row["count_from"] == AUDIT]
    names = set[str]().union(*(auditor.names for auditor in auditors))
    return {
        "entries": log.entries,
        "decisions": log.decisions,
        "used": len(used),
        "changed": sum(row["recorded_count"] != row["count"] for row in used),
        "contradict_both": [row["id"] for row in used if row["audit_contradicts_both"]],
        "other_photo": sorted(one for auditor in auditors for one in auditor.other_photos),
        "photo_not_in_source": sum(
            len(decisions) for stem, decisions in log.by_stem.items() if stem not in names
        ),
        "unreadable": [{"name": name, "detail": why} for name, why in log.unreadable.items()],
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
    audits = manifest["audits"]
    if audits["entries"]:
        lines.append(
            f"counts from audits: {audits['used']}, of which {audits['changed']} are not the "
            f"record's, and {len(audits['contradict_both'])} neither the record's nor the model's"
        )
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
        ("audits of another photo of the same name, not used", len(audits["other_photo"])),
        ("audits of photos that are not in the source", audits["photo_not_in_source"]),
        ("audits that cannot be read", len(audits["unreadable"])),
        ("quarantined", _listing(reasons) or "none"),
    ):
        if value:
            lines.append(f"{label}: {value}")
    return lines


def _row(bin_: Bin, size: tuple[int, int], group: str, part: str) -> dict[str, Any]:
    """The entry of one image; `volume` is that of a mean item in cubic inches."""
    origin: dict[str, Any] = {"count_from": RECORD}
    if bin_.finding:
        origin = {
            "count_from": AUDIT,
            "recorded_count": bin_.finding.recorded_count,
            "audit_contradicts_both": bin_.finding.contradicts_both,
        }
    return {
        "id": bin_.id,
        "count": bin_.count,
        "group": group,
        "split": part,
        "width": size[0],
        "height": size[1],
        "items": None if bin_.is_corrected else len(bin_.asins),
        "volume": None if bin_.volume is None else round(bin_.volume, 2),
        **origin,
        **({} if bin_.adds_up else {"quantities_add_up": False}),
    }


def _by_count(numbers: Counter[int]) -> dict[str, int]:
    return {str(count): number for count, number in sorted(numbers.items())}


def _listing(numbers: Mapping[Any, int]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in numbers.items())
