"""The optimiser and the schedule of its learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

import network
from training.hyperparameters import Schedule

# AdamW moves every weight by about its learning rate. This factor maps the tuning range, 0.001 to
# 0.1, to rates that suit a pretrained network; docs/decisions/learning-rate.md.
SHARE = 0.05
WARM_UP = 0.2  # share of all steps
LARGEST_GRADIENT = 5.0  # norm; a single unusual batch must not spoil the weights


def optimiser(
    model: nn.Module, lr: float, weight_decay: float, head_rate: float
) -> torch.optim.Optimizer:
    """AdamW without decay of norms and biases, whose size is no measure of complexity.

    Args:
        model: its parameters without gradients are left out.
        lr: learning rate, on the scale of the hyperparameter.
        weight_decay: of matrices and kernels.
        head_rate: learning rate of the head, relative to the backbone's.
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
    optimizer: torch.optim.Optimizer, steps: int, kind: Schedule
) -> torch.optim.lr_scheduler.LambdaLR:
    """The learning rate of each step, as a share of the peak.

    Args:
        optimizer: the rates of its groups are the peak.
        steps: total number of steps.
        kind: one-cycle rises linearly for a fifth of the steps, then falls along a cosine; cosine
            only falls; constant stays at the peak.
    """
    rising = max(1, round(steps * WARM_UP)) if kind == "one-cycle" else 0

    def share(step: int) -> float:
        if kind == "constant":
            return 1.0
        if step < rising:
            return (step + 1) / rising
        return 0.5 + 0.5 * math.cos(math.pi * (step - rising + 1) / (steps - rising + 1))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)
