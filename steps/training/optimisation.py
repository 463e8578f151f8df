"""How the weights are changed: an optimiser and a schedule that need one learning rate."""

from __future__ import annotations

import math

import network
import torch
from torch import nn

# AdamW moves every weight by about its learning rate, so these stretch one range, 0.001 to 0.1,
# over what the parts of a pretrained network can bear.
HEAD_SHARE = 0.3
BACKBONE_SHARE = 0.05
WARM_UP = 0.2  # of all steps


def optimiser(
    model: nn.Module, lr: float, weight_decay: float, pretrained: bool
) -> torch.optim.Optimizer:
    """AdamW; the new head learns faster than the backbone, which starts from good weights.

    Norms and biases do not decay: their size is no measure of complexity.
    """
    head = {id(parameter) for parameter in network.head_of(model).parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        fast = id(parameter) in head and pretrained
        groups.setdefault((fast, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": lr * (HEAD_SHARE if fast else BACKBONE_SHARE),
                "weight_decay": weight_decay if decays else 0.0,
            }
            for (fast, decays), parameters in groups.items()
        ]
    )


def schedule(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """One cycle: up in a straight line for a fifth of the steps, then down along a cosine.

    Args:
        optimizer: its groups' rates are the peak.
        steps: how many will be taken.
    """
    rising = max(1, round(steps * WARM_UP))

    def share(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 + 0.5 * math.cos(math.pi * (step - rising + 1) / (steps - rising + 1))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)
