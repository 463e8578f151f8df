"""How the weights are changed: an optimiser and a schedule that need one learning rate."""

from __future__ import annotations

import network
import torch
from torch import nn

# AdamW moves every weight by about its learning rate, so these stretch one range, 0.001 to 0.1,
# over what the parts of a pretrained network can bear.
HEAD_SHARE = 0.3
BACKBONE_SHARE = 0.05


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


def schedule(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
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
