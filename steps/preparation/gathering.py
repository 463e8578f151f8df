"""Choose images in a seeded order, fetch them, and put aside what cannot be used."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from preparation import groups, picture
from preparation.metadata import Bin, MetadataError, parse
from preparation.order import shuffled
from preparation.picture import Flaw, Picture
from preparation.problem import PreparationError
from preparation.source import IMAGES, METADATA, Source

BATCH = 512  # metadata files looked at between two decisions whether there are enough
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Quarantined:
    """A bin that is left out, and why."""

    id: str
    reason: str
    detail: str


@dataclass
class Gathered:
    """What was found; the images lie in the folder they were fetched to."""

    bins: list[Bin] = field(default_factory=list)
    others: list[Bin] = field(default_factory=list)  # of other counts, to learn from
    pictures: dict[str, Picture] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)
    other_counts: Counter[int] = field(default_factory=Counter)
    disagreements: list[dict[str, str | int]] = field(default_factory=list)
    absent: int = 0  # listed, but not in the source
    looked_at: int = 0  # whose metadata were wanted
    broken: int = 0  # whose images were fetched and cannot be used

    @property
    def lost(self) -> float:
        """Which share cannot be used: of the bins looked at or, if greater, of those fetched."""
        fetched = self.broken + len(self.bins) + len(self.others)
        silent = len(self.quarantined) - self.broken
        return max(silent / max(1, self.looked_at), self.broken / max(1, fetched))


class Gatherer:
    """Gathers images of the wanted classes from a source into a folder.

    Args:
        source: Where the bins are.
        folder: Where the images go, as ID.jpg.
        classes: The counts that are wanted.
        subset_size: Images in all, balanced over the classes; 0 for every one.
        seed: Of the choice.
        learn_from_all: Also gather bins of other counts, in the order of the choice. Of a subset,
            the share of the classes' bins that it takes of those looked at is taken of the others.
        leave_out_contradictions: Put bins aside whose items' quantities do not add up.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        classes: range,
        subset_size: int,
        seed: int,
        learn_from_all: bool = False,
        leave_out_contradictions: bool = False,
    ) -> None:
        self.source = source
        self.folder = folder
        self.classes = classes
        self.seed = seed
        self.result = Gathered()
        self._learn_from_all = learn_from_all
        self._leave_out_contradictions = leave_out_contradictions
        self._items: dict[str, frozenset[str] | None] = {}
        self._quota = {
            count: subset_size // len(classes) + (place < subset_size % len(classes))
            if subset_size
            else None
            for place, count in enumerate(classes)
        }
        self._progress = Progress()

    def gather(self, listed: Mapping[str, int] | None = None) -> Gathered:
        """Choose and fetch.

        Args:
            listed: Only these ids, with the class that a file list gives them.

        Raises:
            PreparationError: The source cannot be read, or has no image of some class.
        """
        images, metadata = self.source.identities()
        print(f"{self.source.address}: {len(images)} images, {len(metadata)} metadata files")
        present = images | metadata
        if listed is not None:
            self.result.absent = len(listed.keys() - present)
            present &= listed.keys()
            if not present:
                raise PreparationError(
                    f"None of the {len(listed)} listed bins is in {self.source.address}. "
                    "Give the FileList that belongs to this DataSource."
                )
        order = shuffled(present, self.seed)
        waiting: dict[int, list[Bin]] = defaultdict(list)
        others: list[Bin] = []
        for start in range(0, len(order), BATCH):
            for found in self._look(order[start : start + BATCH], images, metadata):
                if listed and listed[found.id] != found.count:
                    self.result.disagreements.append(
                        {"id": found.id, "listed": listed[found.id], "count": found.count}
                    )
                if found.count in self.classes:
                    waiting[found.count].append(found)
                else:
                    others.append(found)
            self._fetch(waiting)
            if all(self._missing(count) == 0 for count in self.classes):
                break
        self._require_every_class(len(order))
        self.result.other_counts.update(found.count for found in others)
        if self._learn_from_all:
            taken = len(self.result.bins)
            left = sum(len(found) for found in waiting.values())
            self._fetch_others(others, taken / (taken + left))
        self._group(images | metadata, metadata)
        self._progress.say("fetched", len(self.result.bins) + len(self.result.others), always=True)
        return self.result

    def _look(self, ids: Iterable[str], images: set[str], metadata: set[str]) -> list[Bin]:
        """Read the metadata of a batch, in its order; what is wrong is put aside."""
        whole = []
        for identity in ids:
            self.result.looked_at += 1
            if identity not in metadata:
                self._put_aside(identity, "no-metadata", f"no {METADATA}/{identity}.json")
            elif identity not in images:
                self._put_aside(identity, "no-image", f"no {IMAGES}/{identity}.jpg")
            else:
                whole.append(identity)
        contents = self.source.map(self._metadata, whole)
        found = []
        for identity, content in zip(whole, contents, strict=True):
            try:
                bin_ = parse(identity, content)
            except MetadataError as error:
                self._put_aside(identity, error.reason, str(error))
                continue
            self._items[identity] = bin_.asins
            if self._leave_out_contradictions and not bin_.adds_up:
                self._put_aside(
                    identity,
                    "quantities-do-not-add-up",
                    f"the quantities of its items are not {bin_.count} in all",
                )
                continue
            found.append(bin_)
        return found

    def _fetch(self, waiting: dict[int, list[Bin]]) -> None:
        """Fetch what the classes still miss; the next of its class replaces a broken image."""
        while True:
            turn: list[Bin] = []
            for count in self.classes:
                missing = self._missing(count)
                take = len(waiting[count]) if missing is None else missing
                turn += waiting[count][:take]
                del waiting[count][:take]
            if not turn:
                return
            self.result.bins += self._whole(turn)

    def _fetch_others(self, found: list[Bin], share: float) -> None:
        """Fetch a share of the bins of other counts; the next replaces a broken image."""
        wanted = round(share * len(found))
        while found and (missing := wanted - len(self.result.others)) > 0:
            self.result.others += self._whole(found[:missing])
            found = found[missing:]

    def _whole(self, bins: list[Bin]) -> list[Bin]:
        """Fetch images; those that are broken are put aside."""
        whole = []
        found = self.source.map(self._image, [bin_.id for bin_ in bins])
        for bin_, image in zip(bins, found, strict=True):
            self._progress.say("fetched", len(self.result.pictures))
            if isinstance(image, Flaw):
                self._put_aside(bin_.id, image.reason, image.detail)
                self.result.broken += 1
            else:
                self.result.pictures[bin_.id] = image
                whole.append(bin_)
        return whole

    def _metadata(self, identity: str) -> bytes:
        return self.source.read(f"{METADATA}/{identity}.json") or b""

    def _image(self, identity: str) -> Picture | Flaw:
        """Fetch an image, check it, and keep it; answer its size or what is wrong with it."""
        content = self.source.read(f"{IMAGES}/{identity}.jpg") or b""
        found = picture.inspect(content)
        if isinstance(found, Picture):
            (self.folder / f"{identity}.jpg").write_bytes(content)
        return found

    def _group(self, known: set[str], metadata: set[str]) -> None:
        """Look at the neighbours of what was chosen until the same-bin groups are sure."""
        chosen = [bin_.id for bin_ in (*self.result.bins, *self.result.others)]
        while wanted := groups.open_ends(chosen, self._items, known):
            self._items.update(dict.fromkeys(wanted - metadata))
            ids = sorted(wanted & metadata)
            contents = self.source.map(self._metadata, ids)
            for identity, content in zip(ids, contents, strict=True):
                try:
                    self._items[identity] = parse(identity, content).asins
                except MetadataError:
                    self._items[identity] = None
        self.result.group = {i: groups.group_of(i, self._items) for i in chosen}

    def _missing(self, count: int) -> int | None:
        """How many images of a class are still wanted; None where every one is."""
        quota = self._quota[count]
        if quota is None:
            return None
        return quota - sum(bin_.count == count for bin_ in self.result.bins)

    def _require_every_class(self, looked_at: int) -> None:
        have = Counter(bin_.count for bin_ in self.result.bins)
        if empty := [count for count in self.classes if not have[count]]:
            raise PreparationError(
                f"{self.source.address} has no usable image of a bin that holds "
                f"{' or '.join(map(str, empty[:5]))}{' ...' if len(empty) > 5 else ''} "
                f"({looked_at} bins looked at, {sum(have.values())} of other wanted counts, "
                f"put aside: {reasons(self.result.quarantined) or 'none'}). Choose other Classes, "
                "or another DataSource."
            )

    def _put_aside(self, identity: str, reason: str, detail: str) -> None:
        self.result.quarantined.append(Quarantined(identity, reason, detail))


class Progress:
    """Says every few seconds how far something is; plain lines, because logs have no cursor."""

    def __init__(self) -> None:
        self._begun = self._said = time.monotonic()

    def say(self, what: str, count: int, *, always: bool = False) -> None:
        """Print a line if the last is some seconds old."""
        now = time.monotonic()
        if always or now - self._said >= PROGRESS_SECONDS:
            self._said = now
            seconds = max(now - self._begun, 1e-6)
            print(f"{what} {count} images in {seconds:.1f} s ({count / seconds:.0f}/s)", flush=True)


def reasons(quarantined: Iterable[Quarantined]) -> str:
    """How many bins were put aside for what, and the first of them, for a message."""
    ids: dict[str, list[str]] = defaultdict(list)
    for entry in quarantined:
        ids[entry.reason].append(entry.id)
    return ", ".join(
        f"{reason}: {len(found)} ({' '.join(sorted(found)[:3])}{' ...' if len(found) > 3 else ''})"
        for reason, found in ids.items()
    )


def as_rows(quarantined: Iterable[Quarantined]) -> list[dict[str, str]]:
    """Plain values for the manifest, in the order of ids."""
    return [asdict(entry) for entry in sorted(quarantined, key=lambda entry: entry.id)]
