"""The images of a channel: decoded once and kept where they fit, else decoded in each epoch."""

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
MEMORY_SHARE = 0.5  # of the memory that is free, for the pixels of one channel


@dataclass(frozen=True)
class Images:
    """A channel.

    Attributes:
        pixels: `pixels[indices]` is uint8 (n, 3, size, size); a tensor where all of them fit into
            the memory, else files that are decoded each time. The numbers are the same.
        labels: int64 (n,), as indices into `classes`.
        files: where each came from; nothing for images that came from elsewhere.
    """

    pixels: torch.Tensor | Decoder
    labels: torch.Tensor
    classes: tuple[int, ...]
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        """How many images."""
        return len(self.labels)

    def only(self, indices: torch.Tensor) -> Images:
        """These images alone, in this order."""
        if isinstance(self.pixels, torch.Tensor):
            pixels: torch.Tensor | Decoder = self.pixels[indices]
        else:
            pixels = self.pixels.only(indices)
        files = tuple(self.files[index] for index in indices.tolist()) if self.files else ()
        return Images(pixels, self.labels[indices], self.classes, files)

    def stream(
        self, batches: Iterable[torch.Tensor]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Each batch of indices with its pixels, read ahead where they are not in memory.

        All indices may be drawn before the first pixels are given.

        Raises:
            TrainingError: a file is no image.
        """
        if isinstance(self.pixels, torch.Tensor):
            for batch in batches:
                yield batch, self.pixels[batch]
            return
        drawn = list(batches)
        yield from zip(drawn, self.pixels.stream(drawn), strict=True)


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
        image_size: width and height of the pixels kept.
        workers: threads that decode.
        classes: the counts that the training images have, for a channel that must fit them: it may
            lack some of them, as a small one does, and may have no other.
        memory: bytes that the pixels may take; a share of what is free where it is not said.

    Raises:
        TrainingError: a folder is not a count or holds no image, a file is not an image, or there
            are too few counts or others than those given.
    """
    found_classes = _classes(folder)
    if classes is None and len(found_classes) < 2:
        raise TrainingError(
            f"{folder} has {len(found_classes)} folders of counts; two are needed to learn from"
        )
    classes = classes or found_classes
    if not found_classes or not set(found_classes) <= set(classes):
        raise TrainingError(
            f"the channels differ in their counts: {folder} has {format_counts(found_classes)}, "
            f"the training images have {format_counts(classes)}; give both the same folders"
        )
    files: list[Path] = []
    labels: list[int] = []
    for count in found_classes:
        found = sorted(
            file for file in (folder / str(count)).iterdir() if file.suffix.lower() in SUFFIXES
        )
        if not found:
            raise TrainingError(
                f"{folder / str(count)} holds no image ({', '.join(sorted(SUFFIXES))}); every "
                f"count needs some, so widen the subset or leave the count {count} out"
            )
        files += found
        labels += [classes.index(count)] * len(found)
    decoder = Decoder(files, image_size, workers)
    room = int(MEMORY_SHARE * capacity.each(os.environ)) if memory is None else memory
    if decoder.bytes <= room:
        everything = decoder[torch.arange(len(files))]
        return Images(everything, torch.tensor(labels), classes, tuple(files))
    print(
        f"the {len(files)} images of {folder.name} would take {decoder.bytes / 1e9:.1f} GB, and "
        f"{room / 1e9:.1f} GB may be used: they are decoded again in each epoch",
        flush=True,
    )
    return Images(decoder, torch.tensor(labels), classes, tuple(files))


def format_counts(counts: tuple[int, ...]) -> str:
    """Counts for a message."""
    return ", ".join(map(str, counts)) or "none"


def _classes(folder: Path) -> tuple[int, ...]:
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    strange = [name for name in names if not name.isdecimal()]
    if strange:
        raise TrainingError(
            f"{folder} has a subfolder '{strange[0]}' that is not a count; "
            f"expected one folder for each count, such as {folder / '3'}"
        )
    return tuple(sorted(int(name) for name in names))


def normalise(
    pixels: torch.Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> torch.Tensor:
    """Pixels in 0 … 1 to what the backbone expects, in the memory order that CPUs like."""
    shift = torch.tensor(mean, device=pixels.device).view(1, -1, 1, 1)
    scale = torch.tensor(deviation, device=pixels.device).view(1, -1, 1, 1)
    return (pixels - shift).div_(scale).contiguous(memory_format=torch.channels_last)
