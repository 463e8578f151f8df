"""The images of a channel: decoded once if they fit into memory, else again in each epoch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from audit_finding import Finding
from counts import Classes
from record import Record
from training.data import known_bins
from training.data.decoder import Decoder
from training.data.known_bins import UNKNOWN, KnownBin
from training.environment import TrainingError
from training.machine import capacity

SUFFIXES = {".jpg", ".jpeg", ".png"}
MEMORY_SHARE = 0.5  # share of the free memory for the pixels of one channel


@dataclass(frozen=True)
class Images:
    """The images of a channel.

    Attributes:
        pixels: `pixels[indices]` is uint8 (n, 3, size, size); a tensor if all pixels fit into
            memory, else files that are decoded each time, to the same numbers.
        labels: int64 (n,), indices into `classes`.
        classes: the counts of these images, in order.
        files: the file of each image; empty for images without files.
        bins: what is known of each image's bin; empty if nothing is.
    """

    pixels: torch.Tensor | Decoder
    labels: torch.Tensor
    classes: tuple[int, ...]
    files: tuple[Path, ...] = ()
    bins: tuple[KnownBin, ...] = ()

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def counts(self) -> torch.Tensor:
        """int64 (n,): how many items each image's bin holds."""
        return torch.tensor(self.classes)[self.labels]

    @property
    def further(self) -> torch.Tensor:
        """Bool (n,): whether the image is of the further source, whose class shares are wrong."""
        known = self.bins or (UNKNOWN,) * len(self)
        return torch.tensor([bin_.further for bin_ in known])

    @property
    def records(self) -> list[Record | None]:
        """The stock record of each image's bin; None where its items are not known."""
        return [bin_.record for bin_ in self.bins] or [None] * len(self)

    @property
    def findings(self) -> list[Finding | None]:
        """What an audit found about each image's bin; None where the label is the record's."""
        return [bin_.finding for bin_ in self.bins] or [None] * len(self)

    def only(self, indices: torch.Tensor) -> Images:
        """Select images, in the order of the indices."""
        if isinstance(self.pixels, torch.Tensor):
            pixels: torch.Tensor | Decoder = self.pixels[indices]
        else:
            pixels = self.pixels.only(indices)
        files = tuple(self.files[index] for index in indices.tolist()) if self.files else ()
        bins = tuple(self.bins[index] for index in indices.tolist()) if self.bins else ()
        return Images(pixels, self.labels[indices], self.classes, files, bins)

    def stream(
        self, batches: Iterable[torch.Tensor]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield each batch of indices with its pixels, decoding ahead if they are not in memory.

        `batches` may be exhausted before the first pixels are yielded.

        Raises:
            TrainingError: a file is not an image.
        """
        if isinstance(self.pixels, torch.Tensor):
            for batch in batches:
                yield batch, self.pixels[batch]
            return
        every_batch = list(batches)
        yield from zip(every_batch, self.pixels.stream(every_batch), strict=True)


def load_images(
    folder: Path,
    image_size: int,
    workers: int,
    classes: Classes | None = None,
    memory: int | None = None,
) -> Images:
    """Load `<folder>/<count>/<name>.jpg`.

    Args:
        folder: the channel.
        image_size: width and height of the decoded images.
        workers: threads that decode.
        classes: the only classes that the folder may have images of; None for any counts, as
            training images have.
        memory: bytes that the pixels may take; None for a share of the free memory.

    Raises:
        TrainingError: a subfolder is not a count or is empty, a file is not an image, or there are
            fewer than two counts or some that are not in `classes`.
    """
    counts = _counts(folder)
    if classes is None and len(counts) < 2:
        raise TrainingError(
            f"{folder} has {len(counts)} folders of counts; training needs at least two"
        )
    if not counts or (classes and any(classes.of(count) is None for count in counts)):
        raise TrainingError(
            f"the channels differ in their counts: {folder} has {format_counts(counts)}, "
            f"the model answers {format_counts(classes.counts if classes else ())}; use the same "
            "folders in both"
        )
    files: list[Path] = []
    labels: list[int] = []
    for count in counts:
        of_count = sorted(
            file for file in (folder / str(count)).iterdir() if file.suffix.lower() in SUFFIXES
        )
        if not of_count:
            raise TrainingError(
                f"{folder / str(count)} contains no image ({', '.join(sorted(SUFFIXES))}); every "
                f"count needs some: use a larger subset, or leave out the count {count}"
            )
        files += of_count
        labels += [counts.index(count)] * len(of_count)
    decoder = Decoder(files, image_size, workers)
    if memory is None:
        memory = int(MEMORY_SHARE * capacity.available_to_each(os.environ))
    pixels: torch.Tensor | Decoder = decoder
    if decoder.bytes <= memory:
        pixels = decoder[torch.arange(len(files))]
    else:
        print(
            f"the {len(files)} images of {folder.name} need {decoder.bytes / 1e9:.1f} GB and "
            f"{memory / 1e9:.1f} GB may be used: they are decoded again in each epoch",
            flush=True,
        )
    known = known_bins.read(folder)
    bins = tuple(known.get(file.stem, UNKNOWN) for file in files) if known else ()
    return Images(pixels, torch.tensor(labels), counts, tuple(files), bins)


def format_counts(counts: tuple[int, ...]) -> str:
    """Counts as text for a message."""
    return ", ".join(map(str, counts)) or "none"


def _counts(folder: Path) -> tuple[int, ...]:
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    others = [name for name in names if not name.isdecimal()]
    if others:
        raise TrainingError(
            f"{folder} has a subfolder '{others[0]}' that is not a count; "
            f"expected one folder for each count, such as {folder / '3'}"
        )
    return tuple(sorted(int(name) for name in names))


def normalise(
    pixels: torch.Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> torch.Tensor:
    """Normalise pixels in 0 … 1 for the backbone, in the memory order that is fast on CPUs."""
    shift = torch.tensor(mean, device=pixels.device).view(1, -1, 1, 1)
    scale = torch.tensor(deviation, device=pixels.device).view(1, -1, 1, 1)
    return (pixels - shift).div_(scale).contiguous(memory_format=torch.channels_last)
