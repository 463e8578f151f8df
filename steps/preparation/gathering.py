"""Choose images in a seeded order, fetch them, and put aside what cannot be used."""

from __future__ import annotations

import io
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from preparation import groups
from preparation.metadata import Bin, MetadataError, parse
from preparation.order import shuffled
from preparation.problem import PreparationError
from preparation.source import IMAGES, METADATA, Source

BATCH = 512  # metadata files looked at between two decisions whether there are enough
PROGRESS_SECONDS = 5.0
# A bin photo has about a megapixel; beyond this Pillow warns of a decompression bomb.
Image.MAX_IMAGE_PIXELS = 50_000_000


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
    group: dict[str, str] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)
    other_counts: Counter[int] = field(default_factory=Counter)
    disagreements: list[dict[str, str | int]] = field(default_factory=list)
    absent: int = 0  # listed, but not in the source

    @property
    def lost(self) -> float:
        """Which share of the bins that would have been taken cannot be used."""
        return len(self.quarantined) / max(1, len(self.quarantined) + len(self.bins))


class Gatherer:
    """Gathers images of the wanted classes from a source into a folder.

    Args:
        source: Where the bins are.
        folder: Where the images go, as ID.jpg.
        classes: The counts that are wanted.
        subset_size: Images in all, balanced over the classes; 0 for every one.
        seed: Of the choice.
    """

    def __init__(
        self, source: Source, folder: Path, classes: range, subset_size: int, seed: int
    ) -> None:
        self.source = source
        self.folder = folder
        self.classes = classes
        self.seed = seed
        self.result = Gathered()
        self._asins: dict[str, frozenset[str]] = {}
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
        for start in range(0, len(order), BATCH):
            for found in self._look(order[start : start + BATCH], images, metadata):
                if listed and listed[found.id] != found.count:
                    self.result.disagreements.append(
                        {"id": found.id, "listed": listed[found.id], "count": found.count}
                    )
                if found.count in self.classes:
                    waiting[found.count].append(found)
                else:
                    self.result.other_counts[found.count] += 1
            self._fetch(waiting)
            if all(self._missing(count) == 0 for count in self.classes):
                break
        self._require_every_class(len(order))
        self._group(metadata)
        self._progress.say("fetched", len(self.result.bins), always=True)
        return self.result

    def _look(self, ids: Iterable[str], images: set[str], metadata: set[str]) -> list[Bin]:
        """Read the metadata of a batch, in its order; what is wrong is put aside."""
        whole = []
        for identity in ids:
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
            self._asins[identity] = bin_.asins
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
            problems = self.source.map(self._image, [bin_.id for bin_ in turn])
            for bin_, problem in zip(turn, problems, strict=True):
                self._progress.say("fetched", len(self.result.bins))
                if problem:
                    self._put_aside(bin_.id, *problem)
                else:
                    self.result.bins.append(bin_)

    def _metadata(self, identity: str) -> bytes:
        return self.source.read(f"{METADATA}/{identity}.json") or b""

    def _image(self, identity: str) -> tuple[str, str] | None:
        """Fetch an image, check it, and keep it; answer what is wrong with it."""
        content = self.source.read(f"{IMAGES}/{identity}.jpg")
        problem = flaw(content or b"")
        if problem is None:
            (self.folder / f"{identity}.jpg").write_bytes(content or b"")
        return problem

    def _group(self, metadata: set[str]) -> None:
        """Look at the neighbours of what was chosen until the same-bin groups are sure."""
        chosen = [bin_.id for bin_ in self.result.bins]
        while wanted := groups.open_ends(chosen, self._asins, metadata):
            ids = sorted(wanted)
            contents = self.source.map(self._metadata, ids)
            for identity, content in zip(ids, contents, strict=True):
                try:
                    self._asins[identity] = parse(identity, content).asins
                except MetadataError:
                    self._asins[identity] = frozenset()  # it joins nothing
        self.result.group = {i: groups.group_of(i, self._asins) for i in chosen}

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
                f"{len(self.result.quarantined)} put aside). Choose other Classes, or another "
                "DataSource."
            )

    def _put_aside(self, identity: str, reason: str, detail: str) -> None:
        self.result.quarantined.append(Quarantined(identity, reason, detail))


def flaw(content: bytes) -> tuple[str, str] | None:
    """What is wrong with the bytes of an image: (reason, detail), or None."""
    if not content:
        return "empty-image", "0 bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                image.load()
    except UnidentifiedImageError:
        return "undecodable-image", f"{len(content)} bytes that are no image"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return "too-large-image", str(error)
    except (OSError, SyntaxError, ValueError) as error:
        reason = "truncated-image" if "truncated" in str(error) else "undecodable-image"
        return reason, str(error)
    return None


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


def as_rows(quarantined: Iterable[Quarantined]) -> list[dict[str, str]]:
    """Plain values for the manifest, in the order of ids."""
    return [asdict(entry) for entry in sorted(quarantined, key=lambda entry: entry.id)]
