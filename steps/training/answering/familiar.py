"""Fit what the training images look like to the network."""

from __future__ import annotations

import torch

from served_network import Familiar

MOST_DIRECTIONS = 64
EACH = 4  # images for each direction, at least
LEAST_SPREAD = 1e-3


def fit(features: torch.Tensor) -> Familiar:
    """The main directions of the features of training images, and their spread.

    Args:
        features: (n, f), of at least 2 images as they are, without augmentation.
    """
    number, width = features.shape
    directions = max(1, min(MOST_DIRECTIONS, number // EACH, width))
    mean = features.double().mean(0)
    away = features.double() - mean
    _, spread, axes = torch.linalg.svd(away, full_matrices=False)
    axes = axes[:directions].T
    fitted = Familiar(width, directions)
    rest = ((away**2).sum(1) - ((away @ axes) ** 2).sum(1)).mean()
    with torch.no_grad():
        fitted.mean.copy_(mean)
        fitted.axes.copy_(axes)
        fitted.spread.copy_((spread[:directions] / number**0.5).clamp(min=LEAST_SPREAD))
        fitted.outside.copy_(rest.clamp(min=LEAST_SPREAD))
    return fitted.eval()
