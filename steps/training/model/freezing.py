"""Parts of a pretrained network that stay as they are."""

from __future__ import annotations

from torch import nn

from training.environment import TrainingError


def stages(model: nn.Module) -> list[nn.Module]:
    """A backbone's stages in order; empty where it is not built in stages."""
    if hasattr(model, "layer4"):
        return [getattr(model, f"layer{number}") for number in range(1, 5)]
    for name in ("blocks", "stages"):
        if hasattr(model, name):
            return list(getattr(model, name))
    return []


def first_parts(model: nn.Module, count: int, backbone: str) -> list[nn.Module]:
    """The stem and the first stages.

    Args:
        model: the network.
        count: of stages; 0 or below for no part at all.
        backbone: its name, for the error.

    Raises:
        TrainingError: it has fewer stages.
    """
    if count <= 0:
        return []
    found = stages(model)
    if count > len(found):
        raise TrainingError(
            f"freeze is {count}, but {backbone} has {len(found)} stages; "
            f"0 freezes nothing and -1 the whole backbone"
        )
    inside = {id(part) for stage in found for part in stage.modules()}
    stem = []
    for child in model.children():
        if any(id(part) in inside for part in child.modules()):
            break
        stem.append(child)
    return [*stem, *found[:count]]


def freeze(parts: list[nn.Module]) -> None:
    """Keep the weights; with nothing to learn before them, no gradient is computed either."""
    for part in parts:
        part.requires_grad_(requires_grad=False)


def training_mode(model: nn.Module, frozen: list[nn.Module]) -> None:
    """Set a model to train, and its frozen parts to keep their batch statistics too."""
    model.train()
    for part in frozen:
        part.eval()
