"""Audits as a source of counts: which audit is of which bin's image, and what it changes.

An audit belongs to a bin if its photo has the name of the bin's image, and then the same SHA-256.
The image must be fetched for that, so audited bins are the first that are fetched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import audits
from audits import Audit, AuditError
from counts import Classes
from file_names import stem_of
from preparation.errors import PreparationError, UnusableBinError
from preparation.metadata import Bin
from preparation.reader import Reader
from preparation.source import Source

UNUSABLE = "audited-unusable"


@dataclass(frozen=True)
class Log:
    """The log of audits.

    Attributes:
        entries: How many entries can be read.
        by_stem: The decisions that hold, by the name of the photo without its suffix.
        unreadable: Why an entry cannot be read, by its name.
    """

    entries: int = 0
    by_stem: Mapping[str, Sequence[Audit]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def decisions(self) -> int:
        """How many decisions hold."""
        return sum(map(len, self.by_stem.values()))


def read(source: Source, most_unreadable: float) -> Log:
    """Read the log.

    Args:
        source: Where it is.
        most_unreadable: The share of the entries that may be unreadable.

    Raises:
        PreparationError: It cannot be read, has no entry, or too many that are unreadable.
    """
    names = sorted(filter(audits.is_entry, source.names()))
    if not names:
        raise PreparationError(
            f"{source.address} has no audits, which are .json files such as "
            "2026-11-30/ID.json. Give the prefix of the log (parameter AuditSource), or none."
        )
    entries: list[Audit] = []
    unreadable: dict[str, str] = {}
    for name, content in zip(names, source.map(source.read, names), strict=True):
        try:
            entries.append(audits.read(content or b""))
        except AuditError as error:
            unreadable[name] = str(error)
    if len(unreadable) > most_unreadable * len(names):
        name, problem = next(iter(unreadable.items()))
        raise PreparationError(
            f"{len(unreadable)} of the {len(names)} audits in {source.address} cannot be read, and "
            f"at most {most_unreadable:.0%} may be unreadable. The first, {name}: {problem}."
        )
    by_stem: dict[str, list[Audit]] = defaultdict(list)
    for audit in audits.effective(entries):
        by_stem[stem_of(audit.image)].append(audit)
    log = Log(len(entries), by_stem, unreadable)
    print(f"{source.address}: {len(entries)} audits, {log.decisions} decisions that hold")
    return log


class Auditor:
    """Applies the audits to the bins of one source.

    Args:
        log: The log of audits.
        reader: The reader of the source.
        classes: The counts to learn.

    Attributes:
        candidates: The ids of the bins whose images have the name of an audited photo.
        other_photos: The ids of those whose image is another photo of that name.
    """

    def __init__(self, log: Log, reader: Reader, classes: Classes) -> None:
        self._log = log
        self._reader = reader
        self._classes = classes
        self._stems = {
            identity: stem
            for identity, file in (reader.bins.files.items() if log.by_stem else ())
            if (stem := stem_of(file.image.rpartition("/")[2])) in log.by_stem
        }
        self.candidates = frozenset(self._stems)
        self.other_photos: list[str] = []

    @property
    def names(self) -> set[str]:
        """The names of the audited photos that this source has, without their suffixes."""
        return set(self._stems.values())

    def first(self, ids: Sequence[str]) -> list[str]:
        """Ids in the same order, but those that may be audited before all others."""
        return sorted(ids, key=lambda identity: identity not in self.candidates)

    def apply(
        self, ids: Sequence[str], bins: Sequence[Bin | UnusableBinError]
    ) -> list[Bin | UnusableBinError]:
        """Bins with their audited counts; the images of those that may be audited are fetched.

        Args:
            ids: The ids of the bins.
            bins: What is known of each.

        Returns:
            The same in their order; a bin whose photo was audited as unusable is an error.
        """
        result = list(bins)
        places = [
            place
            for place, identity in enumerate(ids)
            if identity in self.candidates and isinstance(bins[place], Bin)
        ]
        sizes = self._reader.fetch([ids[place] for place in places])
        for place, size in zip(places, sizes, strict=True):
            bin_ = bins[place]
            if isinstance(bin_, Bin) and not isinstance(size, UnusableBinError):
                result[place] = self._audited(ids[place], bin_)
        return result

    def _audited(self, identity: str, bin_: Bin) -> Bin | UnusableBinError:
        sha256 = self._reader.sha256(identity)
        for audit in self._log.by_stem[self._stems[identity]]:
            if audit.image_sha256 == sha256:
                if audit.decision == "unusable":
                    return UnusableBinError(UNUSABLE, f"audit {audit.path}")
                return bin_.with_audit(audit, self._classes)
        self.other_photos.append(bin_.id)
        return bin_
