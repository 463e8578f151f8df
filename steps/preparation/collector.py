"""Choose images in a seeded order, fetch them, and quarantine what cannot be used."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from preparation import audited, file_list, groups
from preparation.audited import Auditor
from preparation.errors import PreparationError, UnusableBinError
from preparation.metadata import Bin
from preparation.options import Options
from preparation.order import shuffled
from preparation.reader import Reader

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
        examined: How many bins were looked at, by their records or the lack of them.
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
        """The share that cannot be used: of the bins examined or, if greater, of those fetched.

        What a person found to be unusable is no sign of a broken source, and does not count.
        """
        fetched = self.broken + len(self.bins) + len(self.others)
        judged = sum(error.reason == audited.UNUSABLE for error in self.quarantined.values())
        not_fetched = len(self.quarantined) - self.broken - judged
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
    the classes' examined bins that it takes is also taken of the others. Audited bins come first,
    so that a subset has them.

    Args:
        reader: Reads the bins of the source.
        auditor: Knows the audits of the source's bins.
        options: The classes, the subset's size and the seed.
    """

    def __init__(self, reader: Reader, auditor: Auditor, options: Options) -> None:
        self.result = Collection()
        self._reader = reader
        self._auditor = auditor
        self._options = options
        self._classes = options.classes
        self._known = {*reader.bins.files, *reader.bins.flaws}
        self._comparable = groups.comparable(self._known, reader.bins)
        self._items: dict[str, frozenset[str] | None] = {}
        each, rest = divmod(options.subset_size, len(self._classes.counts))
        self._quota = {c: each + (i < rest) for i, c in enumerate(self._classes.counts)}
        self._started = self._reported = time.monotonic()

    def collect(self, listed: Mapping[str, str] | None = None) -> Collection:
        """Choose and fetch.

        Args:
            listed: Use only what these names name; the values are their keys in the file list.

        Raises:
            PreparationError: The source has no image of some class.
        """
        keys = None if listed is None else self._find(listed)
        known = self._known if keys is None else keys
        order = self._auditor.first(shuffled(known, self._options.seed))
        waiting: dict[int, list[Bin]] = defaultdict(list)
        others: list[Bin] = []
        for start in range(0, len(order), BATCH):
            for bin_ in self._examine(order[start : start + BATCH]):
                if keys and not file_list.agrees(keys[bin_.id], bin_.count, self._classes):
                    key = keys[bin_.id]
                    said = int(key) if key.isdecimal() else key
                    self.result.disagreements.append(
                        {"id": bin_.id, "listed": said, "count": bin_.count}
                    )
                class_ = self._classes.of(bin_.count)
                if class_ is None:
                    others.append(bin_)
                else:
                    waiting[class_].append(bin_)
            self._fetch(waiting)
            if self._options.subset_size and not any(map(self._missing, self._classes.counts)):
                break
        self._require_every_class()
        self.result.other_counts.update(bin_.count for bin_ in others)
        if self._options.uses_other_counts:
            taken = len(self.result.bins)
            left = sum(map(len, waiting.values()))
            self._fetch_others(others, taken / (taken + left))
        self._group()
        self._report_progress(last=True)
        return self.result

    def _find(self, listed: Mapping[str, str]) -> dict[str, str]:
        """The keys of the listed bins that are there, by id."""
        found = {}
        for name, key in listed.items():
            if (identity := self._reader.bins.find(name)) is None:
                self.result.absent += 1
            else:
                found[identity] = key
        if not found:
            raise PreparationError(
                f"None of the {len(listed)} listed bins is in {self._reader.address}; the first is "
                f"{next(iter(listed))}. Give the FileList that belongs to this DataSource."
            )
        return found

    def _examine(self, ids: Sequence[str]) -> list[Bin]:
        """Read what is known of a batch, in its order; quarantine what is wrong."""
        self.result.examined += len(ids)
        bins = []
        recorded = list(self._reader.read(ids))
        self._items |= {
            identity: bin_.asins
            for identity, bin_ in zip(ids, recorded, strict=True)
            if isinstance(bin_, Bin) and identity in self._comparable
        }
        for identity, bin_ in zip(ids, self._auditor.apply(ids, recorded), strict=True):
            if isinstance(bin_, UnusableBinError):
                self.result.quarantined[identity] = bin_
                continue
            if self._options.contradictions == "leave-out" and bin_.is_doubtful:
                detail = f"the quantities of its items do not add up to {bin_.count}"
                self.result.quarantined[identity] = UnusableBinError(
                    "quantities-do-not-add-up", detail
                )
                continue
            bins.append(bin_)
        return bins

    def _fetch(self, waiting: dict[int, list[Bin]]) -> None:
        """Fetch what the classes still miss; the next of its class replaces a broken image."""
        while True:
            turn: list[Bin] = []
            for count in self._classes.counts:
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
        results = self._reader.fetch([bin_.id for bin_ in bins])
        for bin_, size in zip(bins, results, strict=True):
            self._report_progress()
            if isinstance(size, UnusableBinError):
                self.result.quarantined[bin_.id] = size
                self.result.broken += 1
            else:
                self.result.sizes[bin_.id] = size
                usable.append(bin_)
        return usable

    def _group(self) -> None:
        """Read the metadata of neighbours until the same-bin groups are certain."""
        chosen = [bin_.id for bin_ in (*self.result.bins, *self.result.others)]
        compared = [identity for identity in chosen if identity in self._comparable]
        while unread := groups.unread_neighbours(compared, self._items, self._comparable):
            ids = sorted(unread)
            for identity, bin_ in zip(ids, self._reader.read(ids), strict=True):
                self._items[identity] = bin_.asins if isinstance(bin_, Bin) else None
        self.result.groups = {i: groups.find_group(i, self._items) for i in chosen}

    def _missing(self, class_: int) -> int:
        """How many images of a class the subset still needs."""
        have = sum(self._classes.of(bin_.count) == class_ for bin_ in self.result.bins)
        return self._quota[class_] - have

    def _require_every_class(self) -> None:
        have = Counter(self._classes.of(bin_.count) for bin_ in self.result.bins)
        if empty := [c for c in self._classes.counts if not have[c]]:
            raise PreparationError(
                f"{self._reader.address} has no usable image of a bin that holds "
                f"{' or '.join(map(self._classes.words, empty[:5]))}{' ...' * (len(empty) > 5)} "
                f"({self.result.examined} bins examined, {sum(have.values())} of the other "
                f"classes, quarantined: {self.result.reasons()}). "
                "Choose other Classes, or another DataSource."
            )

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
