"""How the weights are changed: an optimiser and a schedule that need one learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

import network

# AdamW moves every weight by about its learning rate, so this brings the range that is searched,
# 0.001 to 0.1, to what a pretrained network can bear; docs/decisions/learning-rate.md.
SHARE = 0.05
WARM_UP = 0.2  # of all steps
LARGEST_GRADIENT = 5.0  # its norm; a single strange batch must not undo what was learnt
SCHEDULES = ("one-cycle", "cosine", "constant")


def optimiser(
    model: nn.Module, lr: float, weight_decay: float, head_rate: float
) -> torch.optim.Optimizer:
    """AdamW; norms and biases do not decay: their size is no measure of complexity.

    Args:
        model: those of its parameters that need no gradient stay as they are.
        lr: as it is searched.
        weight_decay: of matrices and kernels.
        head_rate: how many times faster the new head learns than the backbone.
    """
    head = {id(parameter) for parameter in network.head_of(model).parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            key = (id(parameter) in head, parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": lr * SHARE * (head_rate if is_head else 1),
                "weight_decay": weight_decay if decays else 0.0,
            }
            for (is_head, decays), parameters in groups.items()
        ]
    )


def schedule(
    optimizer: torch.optim.Optimizer, steps: int, kind: str
) -> torch.optim.lr_scheduler.LambdaLR:
    """The rate of each step, as a share of the peak.

    Args:
        optimizer: its groups' rates are the peak.
        steps: how many will be taken.
        kind: one-cycle goes up in a straight line for a fifth of the steps and down along a cosine;
            cosine only goes down; constant does neither.
    """
    rising = max(1, round(steps * WARM_UP)) if kind == "one-cycle" else 0

    def share(step: int) -> float:
        if kind == "constant":
            return 1.0
        if step < rising:
            return (step + 1) / rising
        return 0.5 + 0.5 * math.cos(math.pi * (step - rising + 1) / (steps - rising + 1))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)
