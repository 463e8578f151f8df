"""Fit what the training images look like to the network."""

from __future__ import annotations

import torch

from served_network import Familiar

MOST_DIRECTIONS = 64
EACH = 4  # images for each direction, at least
LEAST_SPREAD = 1e-3


def fit(impressions: torch.Tensor) -> Familiar:
    """The main directions of the network's impressions of training images, and their spread.

    Args:
        impressions: (n, f), of at least 2 images as they are, without augmentation.
    """
    number, width = impressions.shape
    directions = max(1, min(MOST_DIRECTIONS, number // EACH, width))
    mean = impressions.double().mean(0)
    scale = impressions.double().std(0).clamp(min=LEAST_SPREAD)
    away = (impressions.double() - mean) / scale
    _, spread, axes = torch.linalg.svd(away, full_matrices=False)
    axes = axes[:directions].T
    fitted = Familiar(width, directions)
    rest = ((away**2).sum(1) - ((away @ axes) ** 2).sum(1)).mean()
    with torch.no_grad():
        fitted.mean.copy_(mean)
        fitted.scale.copy_(scale)
        fitted.axes.copy_(axes)
        fitted.spread.copy_((spread[:directions] / number**0.5).clamp(min=LEAST_SPREAD))
        fitted.outside.copy_(rest.clamp(min=LEAST_SPREAD))
    return fitted.eval()
