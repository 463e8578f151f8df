"""Choose images in a seeded order, fetch them, and quarantine what cannot be used."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from preparation import groups, picture
from preparation.errors import PreparationError, UnusableBinError
from preparation.metadata import Bin, parse
from preparation.options import Options
from preparation.order import shuffled
from preparation.source import IMAGES, METADATA, Source

BATCH = 512  # metadata files read between two checks whether there are enough images
PROGRESS_SECONDS = 5.0
EXAMPLES = 3  # ids that a summary names for each reason


@dataclass
class Collection:
    """The chosen bins; their images are in the folder that they were fetched to.

    Attributes:
        bins: Those of the classes.
        others: Those of other counts, for training only.
        sizes: Width and height of each chosen image in pixels, by id.
        groups: The same-bin group of each chosen bin, by id.
        quarantined: Why a bin cannot be used, by id.
        other_counts: How many of the examined bins have each count outside the classes.
        absent: How many listed bins are not in the source.
        examined: How many bins were looked at, by their metadata or the lack of it.
        broken: How many fetched images cannot be used.
    """

    bins: list[Bin] = field(default_factory=list)
    others: list[Bin] = field(default_factory=list)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    quarantined: dict[str, UnusableBinError] = field(default_factory=dict)
    other_counts: Counter[int] = field(default_factory=Counter)
    disagreements: list[dict[str, str | int]] = field(default_factory=list)
    absent: int = 0
    examined: int = 0
    broken: int = 0

    @property
    def lost(self) -> float:
        """The share that cannot be used: of the bins examined or, if greater, of those fetched."""
        fetched = self.broken + len(self.bins) + len(self.others)
        not_fetched = len(self.quarantined) - self.broken
        return max(not_fetched / max(1, self.examined), self.broken / max(1, fetched))

    def reasons(self) -> str:
        """How many bins are quarantined for each reason, with the first ids; "none" for none."""
        ids: dict[str, list[str]] = defaultdict(list)
        for identity, error in sorted(self.quarantined.items()):
            ids[error.reason].append(identity)
        parts = []
        for reason, names in ids.items():
            more = " ..." if len(names) > EXAMPLES else ""
            parts.append(f"{reason}: {len(names)} ({' '.join(names[:EXAMPLES])}{more})")
        return ", ".join(parts) or "none"


class Collector:
    """Collects images of the classes from a source into a folder.

    If other counts are used, bins of these are fetched in the same order. Of a subset, the share of
    the classes' examined bins that it takes is also taken of the others.

    Args:
        source: Where the bins are.
        folder: Where the images go, as ID.jpg.
        options: The classes, the subset's size and the seed.
    """

    def __init__(self, source: Source, folder: Path, options: Options) -> None:
        self.result = Collection()
        self._source = source
        self._folder = folder
        self._options = options
        self._items: dict[str, frozenset[str] | None] = {}
        each, rest = divmod(options.subset_size, len(options.classes))
        self._quota = {count: each + (i < rest) for i, count in enumerate(options.classes)}
        self._started = self._reported = time.monotonic()

    def collect(self, listed: Mapping[str, int] | None = None) -> Collection:
        """Choose and fetch.

        Args:
            listed: Use only these ids; the values are their classes in the file list.

        Raises:
            PreparationError: The source cannot be read, or has no image of some class.
        """
        images, metadata = self._source.list_ids()
        print(f"{self._source.address}: {len(images)} images, {len(metadata)} metadata files")
        present = images | metadata
        if listed is not None:
            self.result.absent = len(listed.keys() - present)
            present &= listed.keys()
            if not present:
                raise PreparationError(
                    f"None of the {len(listed)} listed bins is in {self._source.address}. "
                    "Give the FileList that belongs to this DataSource."
                )
        order = shuffled(present, self._options.seed)
        waiting: dict[int, list[Bin]] = defaultdict(list)
        others: list[Bin] = []
        for start in range(0, len(order), BATCH):
            for bin_ in self._examine(order[start : start + BATCH], images, metadata):
                if listed and listed[bin_.id] != bin_.count:
                    self.result.disagreements.append(
                        {"id": bin_.id, "listed": listed[bin_.id], "count": bin_.count}
                    )
                if bin_.count in self._options.classes:
                    waiting[bin_.count].append(bin_)
                else:
                    others.append(bin_)
            self._fetch(waiting)
            if self._options.subset_size and not any(map(self._missing, self._options.classes)):
                break
        self._require_every_class()
        self.result.other_counts.update(bin_.count for bin_ in others)
        if self._options.uses_other_counts:
            taken = len(self.result.bins)
            left = sum(map(len, waiting.values()))
            self._fetch_others(others, taken / (taken + left))
        self._group(images | metadata, metadata)
        self._report_progress(last=True)
        return self.result

    def _examine(self, ids: Iterable[str], images: set[str], metadata: set[str]) -> list[Bin]:
        """Read the metadata of a batch, in its order; quarantine what is wrong."""
        complete = []
        for identity in ids:
            self.result.examined += 1
            if identity not in metadata:
                self._quarantine(identity, "no-metadata", f"no {METADATA}/{identity}.json")
            elif identity not in images:
                self._quarantine(identity, "no-image", f"no {IMAGES}/{identity}.jpg")
            else:
                complete.append(identity)
        bins = []
        for identity, bin_ in zip(complete, self._source.map(self._read, complete), strict=True):
            if isinstance(bin_, UnusableBinError):
                self.result.quarantined[identity] = bin_
                continue
            self._items[identity] = bin_.asins
            if self._options.contradictions == "leave-out" and not bin_.adds_up:
                detail = f"the quantities of its items do not add up to {bin_.count}"
                self._quarantine(identity, "quantities-do-not-add-up", detail)
                continue
            bins.append(bin_)
        return bins

    def _fetch(self, waiting: dict[int, list[Bin]]) -> None:
        """Fetch what the classes still miss; the next of its class replaces a broken image."""
        while True:
            turn: list[Bin] = []
            for count in self._options.classes:
                take = self._missing(count) if self._options.subset_size else len(waiting[count])
                turn += waiting[count][:take]
                del waiting[count][:take]
            if not turn:
                return
            self.result.bins += self._fetch_usable(turn)

    def _fetch_others(self, bins: list[Bin], share: float) -> None:
        """Fetch a share of the bins of other counts; the next replaces a broken image."""
        quota = round(share * len(bins))
        while bins and (missing := quota - len(self.result.others)) > 0:
            self.result.others += self._fetch_usable(bins[:missing])
            bins = bins[missing:]

    def _fetch_usable(self, bins: list[Bin]) -> list[Bin]:
        """Fetch images, quarantine the broken ones, and return the bins of the others."""
        usable = []
        results = self._source.map(self._fetch_image, [bin_.id for bin_ in bins])
        for bin_, size in zip(bins, results, strict=True):
            self._report_progress()
            if isinstance(size, UnusableBinError):
                self.result.quarantined[bin_.id] = size
                self.result.broken += 1
            else:
                self.result.sizes[bin_.id] = size
                usable.append(bin_)
        return usable

    def _read(self, identity: str) -> Bin | UnusableBinError:
        """Read the metadata of a bin; return the error, as a raised one would end the map."""
        try:
            return parse(identity, self._source.read(f"{METADATA}/{identity}.json") or b"")
        except UnusableBinError as error:
            return error

    def _fetch_image(self, identity: str) -> tuple[int, int] | UnusableBinError:
        """Fetch and check an image; keep it if it is usable."""
        content = self._source.read(f"{IMAGES}/{identity}.jpg") or b""
        try:
            size = picture.check(content)
        except UnusableBinError as error:
            return error
        (self._folder / f"{identity}.jpg").write_bytes(content)
        return size

    def _group(self, known: set[str], metadata: set[str]) -> None:
        """Read the metadata of neighbours until the same-bin groups are certain."""
        chosen = [bin_.id for bin_ in (*self.result.bins, *self.result.others)]
        while unread := groups.unread_neighbours(chosen, self._items, known):
            self._items.update(dict.fromkeys(unread - metadata))
            ids = sorted(unread & metadata)
            for identity, bin_ in zip(ids, self._source.map(self._read, ids), strict=True):
                self._items[identity] = bin_.asins if isinstance(bin_, Bin) else None
        self.result.groups = {i: groups.find_group(i, self._items) for i in chosen}

    def _missing(self, count: int) -> int:
        """How many images of a class the subset still needs."""
        return self._quota[count] - sum(bin_.count == count for bin_ in self.result.bins)

    def _require_every_class(self) -> None:
        have = Counter(bin_.count for bin_ in self.result.bins)
        if empty := [count for count in self._options.classes if not have[count]]:
            raise PreparationError(
                f"{self._source.address} has no usable image of a bin that holds "
                f"{' or '.join(map(str, empty[:5]))}{' ...' if len(empty) > 5 else ''} "
                f"({self.result.examined} bins examined, {sum(have.values())} of the other "
                f"classes, quarantined: {self.result.reasons()}). "
                "Choose other Classes, or another DataSource."
            )

    def _quarantine(self, identity: str, reason: str, detail: str) -> None:
        self.result.quarantined[identity] = UnusableBinError(reason, detail)

    def _report_progress(self, *, last: bool = False) -> None:
        """Print a line if the previous one is some seconds old; logs have no cursor to move."""
        now = time.monotonic()
        if last or now - self._reported >= PROGRESS_SECONDS:
            self._reported = now
            seconds = max(now - self._started, 1e-6)
            count = len(self.result.sizes)
            print(
                f"fetched {count} images in {seconds:.1f} s ({count / seconds:.0f}/s)", flush=True
            )
