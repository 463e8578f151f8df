"""Prepare bin images: choose, fetch, validate, and split them by bin.

The source is laid out like the Amazon Bin Image Dataset: bin-images/ID.jpg and metadata/ID.json.
Output under <root>/processing/output, where <root> is $OPT_ML or /opt/ml:
    train|validation|test/<count>/<id>.jpg
                             with --learn-from all, train/ also has the counts outside --classes
    manifest/manifest.json   every image with its count, same-bin group and split; everything that
                             was put aside, with the reason; written last
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from preparation import picture
from preparation.gathering import Gathered, Gatherer, as_rows, reasons
from preparation.metadata import Bin
from preparation.problem import PreparationError
from preparation.request import parse_classes, parse_file_list, parse_shares
from preparation.source import Source, read_file
from preparation.splitting import SPLITS, Member, join_train, split

NONE = "none"  # SageMaker gives a job no empty argument


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step; 1 and a message where the data or the arguments cannot be used."""
    options = _arguments().parse_args(arguments)
    root = Path(os.environ.get("OPT_ML", "/opt/ml"))
    try:
        prepare(options, root / "processing/output")
    except PreparationError as error:
        print(f"prepare: {error}", file=sys.stderr)
        message = root / "output/message"  # becomes the job's ExitMessage
        message.parent.mkdir(parents=True, exist_ok=True)
        message.write_text(str(error))
        return 1
    return 0


def prepare(options: argparse.Namespace, output: Path) -> None:
    """Fill the output folder.

    Raises:
        PreparationError: The data or the arguments cannot be used.
    """
    classes, shares = parse_classes(options.classes), parse_shares(options.split)
    everything = options.learn_from == "all"
    listed = None
    if options.file_list != NONE:
        listed = parse_file_list(read_file(options.file_list), classes, others=everything)
    fetched = output.parent / "fetched"
    shutil.rmtree(fetched, ignore_errors=True)
    fetched.mkdir(parents=True)
    source = Source(options.source, options.concurrency)
    gatherer = Gatherer(
        source, fetched, classes, options.subset_size, options.seed, everything,
        options.contradictions == "leave-out",
    )  # fmt: skip
    gathered = gatherer.gather(listed)
    if gathered.lost > options.max_quarantined:
        raise PreparationError(
            f"{gathered.lost:.0%} of the bins cannot be used, and at most "
            f"{options.max_quarantined:.0%} may be lost: {reasons(gathered.quarantined)}. Mend "
            f"them in {options.source}, or take both files of each out of it."
        )
    members = _members(gathered, gathered.bins)
    parts = split(members, shares, options.seed)
    taught, left_out = join_train(_members(gathered, gathered.others), members, parts)
    parts |= {other.id: "train" for other in taught}
    with ThreadPoolExecutor() as threads:  # Pillow works without Python's lock
        for _ in threads.map(
            lambda member: _store(member, parts[member.id], fetched, output, options.store_size),
            [*members, *taught],
        ):
            pass
    shutil.rmtree(fetched)
    manifest = _manifest(options, gathered, parts, left_out)
    place = output / "manifest" / "manifest.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(manifest, indent=1))
    _tell(manifest)


def _members(gathered: Gathered, bins: Sequence[Bin]) -> list[Member]:
    return [Member(bin_.id, bin_.count, gathered.group[bin_.id]) for bin_ in bins]


def _store(member: Member, part: str, fetched: Path, output: Path, size: int) -> None:
    """Put an image in its place, smaller if that is wanted.

    Test images stay as they are: a model is judged on what a client would send to it.
    """
    place = output / part / str(member.count) / f"{member.id}.jpg"
    place.parent.mkdir(parents=True, exist_ok=True)
    original = fetched / place.name
    if size and part != "test":
        place.write_bytes(picture.squeezed(original.read_bytes(), size))
    else:
        original.replace(place)


def _manifest(
    options: argparse.Namespace,
    gathered: Gathered,
    parts: dict[str, str],
    left_out: Sequence[Member],
) -> dict[str, Any]:
    found = sorted((*gathered.bins, *gathered.others), key=lambda bin_: bin_.id)
    images = [_row(bin_, gathered, parts[bin_.id]) for bin_ in found if bin_.id in parts]
    judged = {bin_.id for bin_ in gathered.bins}
    counts = Counter((row["split"], row["count"]) for row in images if row["id"] in judged)
    others = Counter(row["count"] for row in images if row["id"] not in judged)
    classes = sorted({count for _, count in counts})
    return {
        "source": options.source,
        "file_list": options.file_list,
        "data_version": options.data_version,
        "classes": options.classes,
        "learn_from": options.learn_from,
        "split": options.split,
        "seed": options.seed,
        "subset_size": options.subset_size,
        "store_size": options.store_size,
        "counts": {part: {str(c): counts[part, c] for c in classes} for part in SPLITS},
        "groups": len({image["group"] for image in images}),
        "other_counts": _by_count(gathered.other_counts),  # of the bins looked at
        "other_counts_in_train": _by_count(others),
        "left_out": [  # of other counts, because their bin is judged on
            {"id": other.id, "count": other.count, "group": other.group} for other in left_out
        ],
        "listed_but_absent": gathered.absent,
        "disagreements": gathered.disagreements,
        "images": images,
        "quarantined": as_rows(gathered.quarantined),
    }


def _row(found: Bin, gathered: Gathered, part: str) -> dict[str, Any]:
    """What the manifest says of an image; volume in cubic inches, of a mean item."""
    size = gathered.pictures[found.id]
    return {
        "id": found.id,
        "count": found.count,
        "group": gathered.group[found.id],
        "split": part,
        "width": size.width,
        "height": size.height,
        "items": len(found.asins),
        "volume": None if found.volume is None else round(found.volume, 2),
        **({} if found.adds_up else {"quantities_add_up": False}),
    }


def _by_count(numbers: Counter[int]) -> dict[str, int]:
    return {str(count): number for count, number in sorted(numbers.items())}


def _tell(manifest: dict[str, Any]) -> None:
    """Leave the outcome in the log, readable."""
    for part, counts in manifest["counts"].items():
        print(f"{part:<10} {sum(counts.values()):>6} images: {_listing(counts)}")
    print(f"{len(manifest['images'])} images of {manifest['groups']} bins; no bin is in two splits")
    short = {c: sum(n[c] for n in manifest["counts"].values()) for c in manifest["counts"]["train"]}
    if manifest["subset_size"] and len(set(short.values())) > 1:
        print(f"the source has too few of some counts for a balanced subset: {_listing(short)}")
    if manifest["other_counts"]:
        print(f"not of the classes {manifest['classes']}: {_listing(manifest['other_counts'])}")
    if manifest["other_counts_in_train"]:
        print(f"learnt from, never judged: {_listing(manifest['other_counts_in_train'])}")
    if manifest["left_out"]:
        print(
            f"{len(manifest['left_out'])} images of other counts are left out of train, because "
            "their bins are in validation or test"
        )
    if manifest["listed_but_absent"]:
        print(f"listed, but not in the source: {manifest['listed_but_absent']}")
    if manifest["disagreements"]:
        print(
            f"{len(manifest['disagreements'])} bins are listed under another count than their "
            "metadata says; the metadata holds"
        )
    flaws = Counter(entry["reason"] for entry in manifest["quarantined"])
    print(f"put aside: {_listing(flaws) or 'nothing'}")


def _listing(numbers: dict[Any, int] | Counter[Any]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in numbers.items())


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--source", required=True, help="s3://bucket/prefix or a folder, laid out like ABID")
    add("--file-list", default=NONE, help="only what this file_list.json names (s3:// or a file)")
    add("--data-version", default=NONE, help="what the images were, for the manifest and the cache")
    add("--subset-size", type=_natural, default=0, help="images in all, balanced; 0: every one")
    add("--classes", default="1-5", help="the counts that are wanted (default: 1-5)")
    add(
        "--learn-from",
        choices=("classes", "all"),
        default="classes",
        help="all: train/ also has the other counts, in a subset the same share of them",
    )
    add(
        "--contradictions",
        choices=("keep", "leave-out"),
        default="keep",
        help="bins whose items' quantities do not add up to their count (default: keep)",
    )
    add("--split", default="8:1:1", help="train:validation:test (default: 8:1:1)")
    add("--seed", type=_natural, default=0, help="of the choice and the split (default: 0)")
    add(
        "--store-size",
        type=_natural,
        default=0,
        help="squeeze images of train and validation to a square of so many pixels; 0: keep them",
    )
    add(
        "--max-quarantined",
        type=_share,
        default=0.1,
        help="the step fails when a larger share of the bins cannot be used (default: 0.1)",
    )
    add("--concurrency", type=_natural, default=32, help="requests at once (default: 32)")
    return parser


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1")
    return value


if __name__ == "__main__":
    # A container's first process is not ended by SIGTERM unless it asks for that; threads go on.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    sys.exit(main())
