"""The images of a channel: decoded once if they fit into memory, else again in each epoch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from training.data.decoder import Decoder
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
        files: the file of each image; empty for images without files.
    """

    pixels: torch.Tensor | Decoder
    labels: torch.Tensor
    classes: tuple[int, ...]
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def only(self, indices: torch.Tensor) -> Images:
        """Select images, in the order of the indices."""
        if isinstance(self.pixels, torch.Tensor):
            pixels: torch.Tensor | Decoder = self.pixels[indices]
        else:
            pixels = self.pixels.only(indices)
        files = tuple(self.files[index] for index in indices.tolist()) if self.files else ()
        return Images(pixels, self.labels[indices], self.classes, files)

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
    classes: tuple[int, ...] | None = None,
    memory: int | None = None,
) -> Images:
    """Load `<folder>/<count>/<name>.jpg`.

    Args:
        folder: the channel.
        image_size: width and height of the decoded images.
        workers: threads that decode.
        classes: the counts that the folder may contain, in the order of the labels; None for
            the training images, whose own counts these are.
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
    classes = classes or counts
    if not counts or not set(counts) <= set(classes):
        raise TrainingError(
            f"the channels differ in their counts: {folder} has {format_counts(counts)}, "
            f"the training images have {format_counts(classes)}; use the same folders in both"
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
        labels += [classes.index(count)] * len(of_count)
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
    return Images(pixels, torch.tensor(labels), classes, tuple(files))


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
