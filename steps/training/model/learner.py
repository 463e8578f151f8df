"""The part of a network that is trained, made as the hyperparameters say."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import torch
from torch import nn

import network
from training.model.averaging import Average
from training.model.losses import CountLoss, Levels


@dataclass(frozen=True)
class Learner:
    """What is trained, and how its outputs are understood.

    Attributes:
        model: takes what `Inputs` gives; on the device.
        criterion: of outputs and targets (n, levels).
        counting: how outputs become probabilities of the classes.
        frozen: parts of the model that stay as they are.
        average: of the weights, which is judged and kept; none for the weights themselves.
    """

    model: nn.Module
    criterion: nn.Module
    counting: network.Counting
    frozen: list[nn.Module] = field(default_factory=list)
    average: Average | None = None

    @property
    def kept(self) -> nn.Module:
        """Whose weights are kept."""
        return self.model if self.average is None else self.average.module


def learner_of(
    model: nn.Module,
    options: argparse.Namespace,
    levels: Levels,
    device: torch.device,
    frozen: list[nn.Module],
) -> Learner:
    """Train a network.

    Args:
        model: whose last layer is made for the loss.
        options: the hyperparameters.
        levels: of its outputs.
        device: it is moved there.
        frozen: its parts that stay as they are.
    """
    model.to(device=device, memory_format=torch.channels_last)
    criterion = CountLoss(options.loss, levels).to(device)
    settings = {"classes": levels.classes, "levels": levels.counts, "loss": options.loss}
    counting = network.counting(nn.Identity(), settings).to(device)
    assert isinstance(counting, network.Counting)
    average = Average(model, options.ema) if options.ema else None
    return Learner(model, criterion, counting, frozen, average)


def whole_state(
    model: nn.Module, state: dict[str, torch.Tensor], only_head: bool
) -> dict[str, torch.Tensor]:
    """The weights of the plain network of `network.build` that answers as what was trained.

    Args:
        model: the network.
        state: of what was trained: the network or, with `only_head`, its head alone.
        only_head: the rest is the model's own.
    """
    head = network.head_name(model)
    if only_head:
        rest = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
        state = rest | {f"{head}.{name.split('.')[-1]}": tensor for name, tensor in state.items()}
    outputs = len(state[f"{head}.bias"])  # of which coral shares one weight
    return state | {f"{head}.weight": state[f"{head}.weight"].expand(outputs, -1).clone()}
