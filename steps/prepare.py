"""Prepare bin images: choose, fetch, validate, and split them by bin.

The source is laid out like the Amazon Bin Image Dataset (bin-images/ID.jpg, metadata/ID.json), in
folders named by their count (3/photo.jpg), or has a CSV file with the columns file and count.
Audited counts replace those of the records, if an audit log is given (--audits).
Output under <root>/processing/output, where <root> is $OPT_ML or /opt/ml:
    train|validation|test/<count>/<id>.jpg
                             with --learn-from all, train/ also has the counts outside --classes
    train|validation|test/bins.jsonl
                             a line for each image: its count and the items of its stock record
    manifest/manifest.json   every image with its count, same-bin group and split, and every
                             quarantined bin with the reason; written last
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import processing_job
from preparation import audited, bin_lines, file_list, further, manifest, picture
from preparation import options as command_line
from preparation.audited import Auditor
from preparation.collector import Collection, Collector
from preparation.errors import PreparationError
from preparation.metadata import Bin
from preparation.options import NONE, Options
from preparation.reader import Reader
from preparation.source import Source, read_file
from preparation.splitting import Member, join_train, split


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step; return 1, with a message, if the data or the arguments cannot be used."""
    root = Path(os.environ.get("OPT_ML", "/opt/ml"))
    try:
        prepare(command_line.parse(arguments, __doc__), root / "processing/output")
    except PreparationError as error:
        return processing_job.fail(root, "prepare", error)
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
    reader = Reader(Source(options.source, options.concurrency), fetched)
    log = audited.Log()
    if options.audits != NONE:
        audit_source = Source(options.audits, options.concurrency, "AuditSource")
        log = audited.read(audit_source, options.max_quarantined)
    auditors = [Auditor(log, reader, options.classes)]
    further_reader = None
    if options.further != NONE:  # listed first, as a wrong address must not wait for all the rest
        further_source = Source(options.further, options.concurrency, "FurtherSource")
        further_reader = Reader(further_source, fetched, further.PREFIX)
        auditors.append(Auditor(log, further_reader, options.classes))
    collection = Collector(reader, auditors[0], options).collect(listed)
    if collection.lost > options.max_quarantined:
        raise PreparationError(
            f"{collection.lost:.0%} of the bins cannot be used, and at most "
            f"{options.max_quarantined:.0%} are allowed: {collection.reasons()}. Repair them in "
            f"{options.source}, or remove all files of each."
        )
    members = _members(collection, collection.bins)
    splits = split(members, options.split, options.seed, options.classes)
    train_only, left_out = join_train(_members(collection, collection.others), members, splits)
    splits |= {member.id: "train" for member in train_only}
    more = further.Further()
    if further_reader:
        more = further.collect(further_reader, auditors[1], options)
        further.leave_out_held_out(more, further_reader, reader, splits, fetched)
    document = manifest.build(options, collection, splits, left_out, more)
    document["audits"] = manifest.of_audits(log, auditors, document["images"])
    bins = [bin_ for bin_ in (*collection.bins, *collection.others) if bin_.id in splits]
    _store_all([*bins, *more.bins], splits, fetched, output, options.store_size)
    bin_lines.write(output, bins, more.bins, splits)
    shutil.rmtree(fetched)
    file = output / "manifest" / "manifest.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=1))
    print(*manifest.summarize(document), sep="\n")


def _members(collection: Collection, bins: Sequence[Bin]) -> list[Member]:
    return [Member(bin_.id, bin_.count, collection.groups[bin_.id]) for bin_ in bins]


def _store_all(
    bins: Sequence[Bin], splits: Mapping[str, str], fetched: Path, output: Path, size: int
) -> None:
    """Store every image; those of no split are further bins, and for train."""
    with ThreadPoolExecutor() as threads:  # Pillow works without Python's lock
        for _ in threads.map(
            lambda bin_: _store(bin_, splits.get(bin_.id, "train"), fetched, output, size), bins
        ):
            pass


def _store(bin_: Bin, part: str, fetched: Path, output: Path, size: int) -> None:
    """Move an image into its split's folder, resized if `size` is not 0.

    Test images are never resized: a model is tested on what a client would send to it.
    """
    file = output / part / str(bin_.count) / f"{bin_.id}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    original = fetched / file.name
    if size and part != "test":
        file.write_bytes(picture.resize(original.read_bytes(), size))
    else:
        original.replace(file)


if __name__ == "__main__":
    processing_job.end_when_stopped()
    sys.exit(main())
