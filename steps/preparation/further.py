"""The further source: bins to learn from whose class prior is wrong, so never to judge on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from preparation import groups
from preparation.audited import UNUSABLE, Auditor
from preparation.errors import PreparationError, UnusableBinError
from preparation.metadata import Bin
from preparation.options import Options
from preparation.reader import Reader

PREFIX = "further-"  # of every id, so that none is one of the source's own


@dataclass
class Further:
    """What was taken from the further source; all of it goes to train.

    Attributes:
        bins: The bins of the classes, or of all counts if other counts are used.
        sizes: Width and height of each image in pixels, by id.
        quarantined: Why a bin cannot be used, by id.
        other_counts: How many bins have each count that is not used.
        held_out: The ids that are not used, as validation or test may have the same bin.
    """

    bins: list[Bin] = field(default_factory=list)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    quarantined: dict[str, UnusableBinError] = field(default_factory=dict)
    other_counts: Counter[int] = field(default_factory=Counter)
    held_out: list[str] = field(default_factory=list)


def collect(reader: Reader, auditor: Auditor, options: Options) -> Further:
    """Read and fetch every bin of the further source.

    Args:
        reader: The reader of the further source.
        auditor: Knows the audits of its bins.
        options: The classes, and what else was asked for.

    Raises:
        PreparationError: More of it cannot be used than is allowed.
    """
    result, chosen = Further(), []
    ids = sorted({*reader.bins.files, *reader.bins.flaws})
    bins = auditor.apply(ids, list(reader.read(ids)))
    for identity, bin_ in zip(ids, bins, strict=True):
        if isinstance(bin_, UnusableBinError):
            result.quarantined[PREFIX + identity] = bin_
        elif options.contradictions == "leave-out" and bin_.is_doubtful:
            detail = f"the quantities of its items do not add up to {bin_.count}"
            result.quarantined[bin_.id] = UnusableBinError("quantities-do-not-add-up", detail)
        elif options.classes.of(bin_.count) is None and not options.uses_other_counts:
            result.other_counts[bin_.count] += 1
        else:
            chosen.append(bin_)
    sizes = reader.fetch([bin_.id.removeprefix(PREFIX) for bin_ in chosen])
    for bin_, size in zip(chosen, sizes, strict=True):
        if isinstance(size, UnusableBinError):
            result.quarantined[bin_.id] = size
        else:
            result.sizes[bin_.id] = size
            result.bins.append(bin_)
    broken = {i: e for i, e in result.quarantined.items() if e.reason != UNUSABLE}
    if len(broken) > options.max_quarantined * len(ids):
        first, error = next(iter(sorted(broken.items())))
        raise PreparationError(
            f"{len(broken)} of the {len(ids)} bins of the further source "
            f"{reader.address} cannot be used, and at most {options.max_quarantined:.0%} are "
            f"allowed. The first, {first.removeprefix(PREFIX)}: {error.reason} ({error}). Repair "
            "them, or remove them."
        )
    return result


def leave_out_held_out(
    result: Further,
    further: Reader,
    own: Reader,
    splits: Mapping[str, str],
    fetched: Path,
) -> None:
    """Leave out what may show a bin of validation or test: the same image, id or neighbouring id.

    Args:
        result: What was collected; it is changed.
        further: The reader of the further source.
        own: The reader of the source.
        splits: The split of each of the source's images, by id.
        fetched: The folder with the images of both.
    """
    held = {identity for identity, part in splits.items() if part != "train"}
    images = {_digest(fetched / f"{identity}.jpg") for identity in held}
    held &= groups.comparable(held, own.bins)
    ids = {bin_.id.removeprefix(PREFIX) for bin_ in result.bins}
    comparable = groups.comparable(ids, further.bins)
    kept = []
    for bin_ in result.bins:
        identity = bin_.id.removeprefix(PREFIX)
        near = _near(identity) if identity in comparable else set()
        if near & held or _digest(fetched / f"{bin_.id}.jpg") in images:
            result.held_out.append(bin_.id)
        else:
            kept.append(bin_)
    result.bins = kept


def _near(identity: str) -> set[str | None]:
    return {identity, groups.neighbour(identity, -1), groups.neighbour(identity, 1)}


def _digest(file: Path) -> bytes:
    return sha256(file.read_bytes()).digest()
