"""The images that a model is evaluated on, their stock records, and the training counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import record
from audit_finding import Finding
from evaluation.errors import EvaluationError
from record import Item, Record

RECORDS = "bins.jsonl"  # beside the folders of counts
CONTENT_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass(frozen=True)
class TestImage:
    """One image with the count that its bin holds, the items on its record, and its audit."""

    __test__ = False  # pytest takes the name for a test

    path: Path
    count: int
    items: tuple[Item, ...] | None = None
    finding: Finding | None = None

    @property
    def record(self) -> Record:
        """The stock record, which is right."""
        return Record(self.count, self.items)

    @property
    def content_type(self) -> str:
        """The media type, from the file's name."""
        return CONTENT_TYPES[self.path.suffix.lower()]


def find(folder: Path) -> list[TestImage]:
    """List `<folder>/<count>/<id>.jpg`, in order of count and id.

    Raises:
        EvaluationError: there is no image, a folder that is not a count, or a list of the bins that
            cannot be read.
    """
    if not folder.is_dir():
        raise EvaluationError(f"no test set at {folder}; it is Prepare's output 'test'")
    images = []
    listed = _listed(folder / RECORDS)
    for entry in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        if not entry.name.isdecimal():
            raise EvaluationError(
                f"{entry} is not a count; expected {folder}/<count>/<id>.jpg with a whole number"
            )
        files = (file for file in entry.iterdir() if file.suffix.lower() in CONTENT_TYPES)
        images += [
            TestImage(file, int(entry.name), *listed.get(file.stem, ())) for file in sorted(files)
        ]
    if not images:
        raise EvaluationError(
            f"the test set at {folder} is empty; prepare more images, or make the test split "
            "larger than 0"
        )
    return sorted(images, key=lambda image: (image.count, image.path.name))


def _listed(file: Path) -> dict[str, tuple[tuple[Item, ...] | None, Finding | None]]:
    """The items on each bin's record and its audit, by id; empty where Prepare wrote none."""
    if not file.is_file():
        return {}
    listed = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            stored = record.stored(entry["items"], int(entry["count"]))
            finding = Finding.stored(entry.get("audit"))
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(
                f"line {number} of {file} is not as Prepare writes it ({error!r}); run Prepare "
                "again, or remove the file to evaluate without stock records"
            ) from error
        listed[str(entry["id"])] = stored.items, finding
    return listed


def training_counts(manifest: Path) -> dict[int, int]:
    """How many training images have each count, from Prepare's manifest.

    A class such as `6+` is under its count, 6.

    Raises:
        EvaluationError: the manifest is missing or is not Prepare's.
    """
    try:
        counts = json.loads(manifest.read_text())["counts"]["train"]
        training = {int(count.removesuffix("+")): int(number) for count, number in counts.items()}
    except FileNotFoundError as error:
        raise EvaluationError(f"no {manifest}; it is Prepare's output 'manifest'") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(
            f"{manifest} is not Prepare's manifest: counts.train cannot be read ({error!r})"
        ) from error
    if not sum(training.values()):
        raise EvaluationError(f"{manifest} counts no training image, so there is no baseline")
    return training
