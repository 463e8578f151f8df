"""Prepare bin images: choose, fetch, validate, and split them by bin.

The source is laid out like the Amazon Bin Image Dataset: bin-images/ID.jpg and metadata/ID.json.
Output under <root>/processing/output, where <root> is $OPT_ML or /opt/ml:
    train|validation|test/<count>/<id>.jpg
                             with --learn-from all, train/ also has the counts outside --classes
    manifest/manifest.json   every image with its count, same-bin group and split, and every
                             quarantined bin with the reason; written last
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from preparation import file_list, manifest, picture
from preparation import options as command_line
from preparation.collector import Collection, Collector
from preparation.errors import PreparationError
from preparation.metadata import Bin
from preparation.options import NONE, Options
from preparation.source import Source, read_file
from preparation.splitting import Member, join_train, split


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step; return 1, with a message, if the data or the arguments cannot be used."""
    root = Path(os.environ.get("OPT_ML", "/opt/ml"))
    try:
        prepare(command_line.parse(arguments, __doc__), root / "processing/output")
    except PreparationError as error:
        print(f"prepare: {error}", file=sys.stderr)
        message = root / "output/message"  # becomes the job's ExitMessage
        message.parent.mkdir(parents=True, exist_ok=True)
        message.write_text(str(error))
        return 1
    return 0


def prepare(options: Options, output: Path) -> None:
    """Fill the output folder.

    Raises:
        PreparationError: The data cannot be used.
    """
    listed = None
    if options.file_list != NONE:
        content = read_file(options.file_list)
        listed = file_list.parse(content, options.classes, others=options.uses_other_counts)
    fetched = output.parent / "fetched"
    shutil.rmtree(fetched, ignore_errors=True)
    fetched.mkdir(parents=True)
    source = Source(options.source, options.concurrency)
    collection = Collector(source, fetched, options).collect(listed)
    if collection.lost > options.max_quarantined:
        raise PreparationError(
            f"{collection.lost:.0%} of the bins cannot be used, and at most "
            f"{options.max_quarantined:.0%} are allowed: {collection.reasons()}. Repair them in "
            f"{options.source}, or remove both files of each."
        )
    members = _members(collection, collection.bins)
    splits = split(members, options.split, options.seed)
    train_only, left_out = join_train(_members(collection, collection.others), members, splits)
    splits |= {member.id: "train" for member in train_only}
    with ThreadPoolExecutor() as threads:  # Pillow works without Python's lock
        for _ in threads.map(
            lambda member: _store(member, splits[member.id], fetched, output, options.store_size),
            [*members, *train_only],
        ):
            pass
    shutil.rmtree(fetched)
    document = manifest.build(options, collection, splits, left_out)
    file = output / "manifest" / "manifest.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=1))
    print(*manifest.summarize(document), sep="\n")


def _members(collection: Collection, bins: Sequence[Bin]) -> list[Member]:
    return [Member(bin_.id, bin_.count, collection.groups[bin_.id]) for bin_ in bins]


def _store(member: Member, part: str, fetched: Path, output: Path, size: int) -> None:
    """Move an image into its split's folder, resized if `size` is not 0.

    Test images are never resized: a model is tested on what a client would send to it.
    """
    file = output / part / str(member.count) / f"{member.id}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    original = fetched / file.name
    if size and part != "test":
        file.write_bytes(picture.resize(original.read_bytes(), size))
    else:
        original.replace(file)


if __name__ == "__main__":
    # SIGTERM ends a container's first process only if it has a handler; os._exit ends threads, too.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    sys.exit(main())
