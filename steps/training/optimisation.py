"""How the weights are changed: an optimiser and a schedule for which one learning rate is enough."""

from __future__ import annotations

import network
import torch
from torch import nn

BACKBONE_SHARE = 0.1


def optimiser(
    model: nn.Module, lr: float, weight_decay: float, pretrained: bool
) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum: the new head learns at `lr`, a pretrained backbone at a share.

    Norms and biases do not decay: their size is no measure of complexity.
    """
    head = {id(parameter) for parameter in network.head_of(model).parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in head, parameter.ndim > 1), []).append(parameter)
    return torch.optim.SGD(
        [
            {
                "params": parameters,
                "lr": lr if in_head or not pretrained else lr * BACKBONE_SHARE,
                "weight_decay": weight_decay if decays else 0.0,
            }
            for (in_head, decays), parameters in groups.items()
        ],
        momentum=0.9,
        nesterov=True,
    )


def schedule(
    optimizer: torch.optim.Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """One cycle over the whole training: up for a fifth of it, then down to almost nothing."""
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=max(2, steps),
        pct_start=0.2,
        div_factor=10,
        final_div_factor=100,
        cycle_momentum=False,
    )
