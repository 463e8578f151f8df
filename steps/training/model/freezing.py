"""Freezing the first parts of a pretrained network."""

from __future__ import annotations

from torch import nn

import network
from training.environment import TrainingError


def first_parts(model: nn.Module, count: int, backbone: str) -> list[nn.Module]:
    """The stem and the first stages.

    Args:
        model: the network.
        count: number of stages; 0 or below for no part at all.
        backbone: its name, for the error.

    Raises:
        TrainingError: the network has fewer stages.
    """
    if count <= 0:
        return []
    every_stage = network.stages(model)
    if count > len(every_stage):
        raise TrainingError(
            f"freeze is {count}, but {backbone} has {len(every_stage)} stages; "
            f"0 freezes nothing and -1 the whole backbone"
        )
    inside = {id(part) for stage in every_stage for part in stage.modules()}
    stem = []
    for child in model.children():
        if any(id(part) in inside for part in child.modules()):
            break
        stem.append(child)
    return [*stem, *every_stage[:count]]


def freeze(parts: list[nn.Module]) -> None:
    """Exclude parts from training; no gradients are computed for them."""
    for part in parts:
        part.requires_grad_(requires_grad=False)


def training_mode(model: nn.Module, frozen: list[nn.Module]) -> None:
    """Set a model to training mode, except for its frozen parts, whose batch statistics stay."""
    model.train()
    for part in frozen:
        part.eval()
