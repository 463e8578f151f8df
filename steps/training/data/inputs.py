"""Inputs of the trained part of the network: images, or features that are computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

from training.data import augmentation
from training.data.images import Images, normalise
from training.hyperparameters import Precision, Recipe
from training.machine.devices import autocast
from training.machine.memory import Pieces

# Mean and standard deviation by channel, for pixels in 0 … 1.
Colours = tuple[tuple[float, ...], tuple[float, ...]]


class Inputs(Protocol):
    """A channel, as inputs of the trained part."""

    def __len__(self) -> int:
        """Number of images."""

    def stream(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Read each batch of indices, one row for each image."""

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw random changes for `count` images, one row each."""

    def changed(self, read: torch.Tensor, changes: torch.Tensor, size: int) -> torch.Tensor:
        """Apply changes to a batch for training, on the device; images get this size."""

    def views(self, read: torch.Tensor) -> list[torch.Tensor]:
        """The views of a batch for validation, on the device: as it is and, if set, mirrored."""


@dataclass(frozen=True)
class Pixels:
    """Images for the whole network.

    Attributes:
        images: uint8 pixels (n, 3, size, size).
        mean: by colour channel, for pixels in 0 … 1.
        std: standard deviation, as `mean`.
        strength: of the augmentation.
        mirrored: whether `views` include the mirror image.
        device: of the network.
    """

    images: Images
    mean: tuple[float, ...]
    std: tuple[float, ...]
    strength: augmentation.Strength
    mirrored: bool
    device: torch.device

    @staticmethod
    def of(images: Images, recipe: Recipe, colours: Colours, device: torch.device) -> Pixels:
        """The images of a channel with the augmentation of the recipe."""
        strength = augmentation.STRENGTHS[recipe.augment]
        return Pixels(images, *colours, strength, recipe.mirrored, device)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def stream(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Pixels uint8 (n, 3, size, size) of each batch of indices."""
        return (pixels for _, pixels in self.images.stream(batches))

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Changes (count, 9) from `augmentation.draw`."""
        return augmentation.draw(count, self.strength, generator)

    def changed(self, read: torch.Tensor, changes: torch.Tensor, size: int) -> torch.Tensor:
        """Changed, normalised images (n, 3, size, size)."""
        pixels = self._floats(read)
        if size != pixels.shape[-1]:
            pixels = functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)
        return normalise(augmentation.apply(pixels, changes), self.mean, self.std)

    def views(self, read: torch.Tensor) -> list[torch.Tensor]:
        """Normalised images (n, 3, size, size)."""
        plain = normalise(self._floats(read), self.mean, self.std)
        return [plain, plain.flip(3)] if self.mirrored else [plain]

    def _floats(self, read: torch.Tensor) -> torch.Tensor:
        return read.to(self.device).float().div_(255)


@dataclass(frozen=True)
class Features:
    """Pooled features of images and of their mirror images.

    Attributes:
        features: float (n, 2, features), on the network's device.
        mirrored: whether `views` include the mirror image.
    """

    features: torch.Tensor
    mirrored: bool

    def __len__(self) -> int:
        """Number of images."""
        return len(self.features)

    def stream(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Features (n, 2, features) of each batch of indices."""
        return (self.features[batch.to(self.features.device)] for batch in batches)

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Index of the view to train on (count)."""
        return torch.randint(2, (count,), generator=generator)

    def changed(self, read: torch.Tensor, changes: torch.Tensor, size: int) -> torch.Tensor:
        """Features (n, features); `size` has no effect, as they were computed at one size."""
        rows = torch.arange(len(read), device=read.device)
        return read[rows, changes.to(read.device)]

    def views(self, read: torch.Tensor) -> list[torch.Tensor]:
        """Features (n, features) of the images and, if set, of their mirror images."""
        return list(read.unbind(1)) if self.mirrored else [read[:, 0]]


def compute_features(
    model: nn.Module,
    head: nn.Module,
    pixels: Pixels,
    batch_size: int,
    precision: Precision,
) -> Features:
    """Compute the pooled features of each image and of its mirror image.

    Args:
        model: backbone and head.
        head: the last layer of the model, whose inputs are the features.
        pixels: the images.
        batch_size: images at once.
        precision: of the arithmetic.

    Raises:
        TrainingError: not even two images fit into memory.
    """
    model.to(device=pixels.device, memory_format=torch.channels_last).eval()
    captured: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: captured.append(inputs[0].float()))
    pieces, rows = Pieces(), []
    with torch.no_grad():
        for read in pixels.stream(torch.arange(len(pixels)).split(batch_size)):

            def forward(count: int, read: torch.Tensor = read) -> torch.Tensor:
                parts = []
                for part in read.tensor_split(count):
                    plain = pixels.views(part)[0]
                    for view in (plain, plain.flip(3)):
                        with autocast(precision, pixels.device):
                            model(view)
                    parts.append(torch.stack(captured[-2:], dim=1))
                return torch.cat(parts)

            rows.append(pieces.run(len(read), "the features", forward))
            captured.clear()
    hook.remove()
    return Features(torch.cat(rows), pixels.mirrored)
