"""Random changes to images that keep the number of items, drawn and applied batch by batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from training.hyperparameters import GROWN_AFTER, Augmentation

GROWN_FROM = 0.75  # share of the image size in the first epochs of a `growing` training
STRIDE = 32  # of the backbones; other sizes than its multiples waste the last pixels


@dataclass(frozen=True)
class Strength:
    """The range of each change, as a share of the image or of 1; angles in degrees.

    Attributes:
        nearest: smallest part of the width and height that fills the image.
        farthest: largest part; beyond 1 the edge is reflected.
        separate: whether width and height are drawn separately.
        shift: largest shift in either direction; if `separate`, added to the margin of the zoom.
    """

    nearest: float
    farthest: float
    separate: bool
    angle: float
    shift: float
    brightness: float
    contrast: float
    colour: float


STRENGTHS: dict[Augmentation, Strength] = {
    "light": Strength(0.92, 1.05, False, 3, 0.05, 0.2, 0.2, 0.2),
    "standard": Strength(0.85, 1.0, True, 4, 0.03, 0.25, 0.25, 0.3),
}


def draw(count: int, strength: Strength, generator: torch.Generator) -> torch.Tensor:
    """Draw changes for `count` images.

    Mirroring, small shifts, scales and rotations (the edge is reflected), and small changes of
    brightness, contrast and colour.

    Returns:
        (count, 9): the affine map from output to input, row by row, then the factors of brightness,
        contrast and colour. One seed gives the same changes for any number of processes.
    """

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    width = uniform(strength.nearest, strength.farthest)
    height = uniform(strength.nearest, strength.farthest) if strength.separate else width
    angle = uniform(-strength.angle, strength.angle) * math.pi / 180
    mirror = (torch.rand(count, generator=generator) < 0.5).float() * 2 - 1
    margins = [(1 - size).clamp_min(0) if strength.separate else 0.0 for size in (width, height)]
    across, down = (uniform(-1, 1) * (margin + strength.shift) for margin in margins)
    factors = (
        uniform(1 - amount, 1 + amount)
        for amount in (strength.brightness, strength.contrast, strength.colour)
    )
    return torch.stack(
        [
            width * torch.cos(angle) * mirror, -width * torch.sin(angle), across,
            height * torch.sin(angle) * mirror, height * torch.cos(angle), down,
            *factors,
        ],
        dim=1,
    )  # fmt: skip


def apply(pixels: torch.Tensor, changes: torch.Tensor) -> torch.Tensor:
    """Apply changes to images.

    Args:
        pixels: float (n, 3, size, size) in 0 … 1.
        changes: (n, 9) from `draw`.
    """
    changes = changes.to(pixels.device)
    brightness, contrast, colour = changes[:, 6:].T[:, :, None, None, None]
    grid = functional.affine_grid(
        changes[:, :6].view(-1, 2, 3), list(pixels.shape), align_corners=False
    )
    pixels = functional.grid_sample(
        pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    level = pixels.mean((1, 2, 3), keepdim=True)
    pixels = (pixels - level) * contrast + level * brightness
    grey = pixels.mean(1, keepdim=True)
    return ((pixels - grey) * colour + grey).clamp(0, 1)


def size_in(epoch: int, epochs: int, full: int) -> int:
    """Width and height of the images in an epoch (from 1) of a `growing` training.

    Small images first: they are faster, and the network keeps what it learns on them (Tan, Le 2021,
    "EfficientNetV2", section 4). At most the full size, and a multiple of the stride.
    """
    if epoch > GROWN_AFTER * epochs:
        return full
    return min(full, max(STRIDE, round(full * GROWN_FROM / STRIDE) * STRIDE))
