"""What goes into the part of the network that is trained: images, or features computed once."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

from training.data import augmentation
from training.data.images import Images, normalise
from training.machine.memory import Pieces

# Mean and standard deviation by channel, for pixels in 0 … 1.
Colours = tuple[tuple[float, ...], tuple[float, ...]]


class Inputs(Protocol):
    """A channel as the trained part sees it."""

    def __len__(self) -> int:
        """How many images."""

    def stream(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """What was read for each batch of indices, one row for each image."""

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Changes for so many images, one row each."""

    def changed(self, read: torch.Tensor, changes: torch.Tensor, size: int) -> torch.Tensor:
        """What is learnt from, on the device; images at this size."""

    def views(self, read: torch.Tensor) -> list[torch.Tensor]:
        """What is judged, on the device: unchanged and, by setting, mirrored."""


@dataclass(frozen=True)
class Pixels:
    """Images that go through the whole network.

    Attributes:
        images: uint8 pixels (n, 3, size, size).
        mean: by channel, for pixels in 0 … 1.
        std: as `mean`.
        strength: of the augmentation.
        mirrored: whether what is judged is seen mirrored, too.
        device: where the network is.
    """

    images: Images
    mean: tuple[float, ...]
    std: tuple[float, ...]
    strength: augmentation.Strength
    mirrored: bool
    device: torch.device

    @staticmethod
    def of(
        images: Images, options: argparse.Namespace, colours: Colours, device: torch.device
    ) -> Pixels:
        """A channel's images as the hyperparameters want them changed."""
        strength = augmentation.STRENGTHS[options.augment]
        return Pixels(images, *colours, strength, options.mirrored, device)

    def __len__(self) -> int:
        """How many images."""
        return len(self.images)

    def stream(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Pixels uint8 (n, 3, size, size) of each batch of indices."""
        return (pixels for _, pixels in self.images.stream(batches))

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Changes (count, 9) of `augmentation.draw`."""
        return augmentation.draw(count, self.strength, generator)

    def changed(self, read: torch.Tensor, changes: torch.Tensor, size: int) -> torch.Tensor:
        """Normalised images (n, 3, size, size), changed."""
        pixels = self._floats(read)
        if size != pixels.shape[-1]:
            pixels = functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)
        return normalise(augmentation.apply(pixels, changes), self.mean, self.std)

    def views(self, read: torch.Tensor) -> list[torch.Tensor]:
        """Normalised images (n, 3, size, size), unchanged."""
        plain = normalise(self._floats(read), self.mean, self.std)
        return [plain, plain.flip(3)] if self.mirrored else [plain]

    def _floats(self, read: torch.Tensor) -> torch.Tensor:
        return read.to(self.device).float().div_(255)


@dataclass(frozen=True)
class Features:
    """Pooled features of images and of their mirror images.

    Attributes:
        features: float (n, 2, features), on the network's device.
        mirrored: whether what is judged is seen mirrored, too.
    """

    features: torch.Tensor
    mirrored: bool

    def __len__(self) -> int:
        """How many images."""
        return len(self.features)

    def stream(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Features (n, 2, features) of each batch of indices."""
        return (self.features[batch.to(self.features.device)] for batch in batches)

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Which of the two views is seen (count)."""
        return torch.randint(2, (count,), generator=generator)

    def changed(self, read: torch.Tensor, changes: torch.Tensor, size: int) -> torch.Tensor:
        """Features (n, features); the size of the images was settled before."""
        rows = torch.arange(len(read), device=read.device)
        return read[rows, changes.to(read.device)]

    def views(self, read: torch.Tensor) -> list[torch.Tensor]:
        """Features (n, features), of the mirror images too by setting."""
        return list(read.unbind(1)) if self.mirrored else [read[:, 0]]


@torch.no_grad()
def features(
    model: nn.Module,
    head: nn.Module,
    pixels: Pixels,
    batch_size: int,
    bfloat16: bool,
) -> Features:
    """What the backbone gives for each image and for its mirror image.

    Args:
        model: backbone and head.
        head: its last layer, whose input is wanted.
        pixels: the images.
        batch_size: images at once.
        bfloat16: whether to compute in it.

    Raises:
        TrainingError: not even two images fit into the memory.
    """
    model.to(device=pixels.device, memory_format=torch.channels_last).eval()
    seen: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda module, given: seen.append(given[0].float()))
    pieces, rows = Pieces(), []
    for read in pixels.stream(torch.arange(len(pixels)).split(batch_size)):

        def forward(count: int, read: torch.Tensor = read) -> torch.Tensor:
            done = []
            for part in read.tensor_split(count):
                plain = pixels.views(part)[0]
                for view in (plain, plain.flip(3)):
                    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=bfloat16):
                        model(view)
                done.append(torch.stack(seen[-2:], dim=1))
            return torch.cat(done)

        rows.append(pieces.run(len(read), "the features", forward))
        seen.clear()
    hook.remove()
    return Features(torch.cat(rows), pixels.mirrored)
