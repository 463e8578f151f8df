"""Changes to images that keep the number of items: drawn for a whole batch, then done at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

GROWN_FROM = 0.75  # of the image size, in the first epochs of a growing training
GROWN_AFTER = 0.4  # of the epochs
STRIDE = 32  # of the backbones; sizes between its multiples waste their last pixels


@dataclass(frozen=True)
class Strength:
    """How far each change goes, as a share of the image or of 1; angles in degrees.

    Attributes:
        closer: the smallest part of the width and height that fills the image.
        farther: the largest; beyond 1 the edge is reflected.
        apart: whether width and height are drawn one by one.
        shift: how far it moves either way, beside the room that coming closer leaves.
    """

    closer: float
    farther: float
    apart: bool
    angle: float
    shift: float
    brightness: float
    contrast: float
    colour: float


STRENGTHS = {
    "light": Strength(0.92, 1.05, False, 3, 0.05, 0.2, 0.2, 0.2),
    "standard": Strength(0.85, 1.0, True, 4, 0.03, 0.25, 0.25, 0.3),
}


def draw(count: int, strength: Strength, generator: torch.Generator) -> torch.Tensor:
    """Changes for so many images.

    Mirrored, moved, scaled and turned by a little (the edge is reflected, so nothing is cut off for
    good), brighter or darker, with more or less contrast and colour.

    Returns:
        (count, 9): the affine map from output to input, row by row, then the factors of brightness,
        contrast and colour. For one seed the same, however the images are shared among processes.
    """

    def chance(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    width = chance(strength.closer, strength.farther)
    height = chance(strength.closer, strength.farther) if strength.apart else width
    angle = chance(-strength.angle, strength.angle) * math.pi / 180
    mirror = (torch.rand(count, generator=generator) < 0.5).float() * 2 - 1
    room = [(1 - size).clamp_min(0) if strength.apart else 0.0 for size in (width, height)]
    across, down = (chance(-1, 1) * (free + strength.shift) for free in room)
    factors = (
        chance(1 - amount, 1 + amount)
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
    """Images changed.

    Args:
        pixels: float (n, 3, size, size) in 0 … 1.
        changes: (n, 9) of `draw`.
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
    """Width and height in an epoch (from 1) of a training whose images grow.

    Small images first: they are faster, and what is learnt on them holds for larger ones (Tan, Le
    2021, "EfficientNetV2", section 4). At most the full size, and a multiple of the stride.
    """
    if epoch > GROWN_AFTER * epochs:
        return full
    return min(full, max(STRIDE, round(full * GROWN_FROM / STRIDE) * STRIDE))
