"""The part of a network that is trained, made as the hyperparameters say."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import network
import torch
from torch import nn

from training import auxiliary
from training.averaging import Average
from training.losses import CountLoss, Levels


@dataclass(frozen=True)
class Learner:
    """What is trained, and how its outputs are understood.

    Attributes:
        model: takes what `Inputs` gives; on the device.
        criterion: of outputs and targets (n, levels).
        auxiliary: what the loss of the auxiliary tasks counts beside the criterion; 0 for none.
        counting: how outputs become probabilities of the classes.
        frozen: parts of the model that stay as they are.
        average: of the weights, which is judged and kept; none for the weights themselves.
    """

    model: nn.Module
    criterion: nn.Module
    counting: network.Counting
    frozen: list[nn.Module] = field(default_factory=list)
    average: Average | None = None
    auxiliary: float = 0.0

    def losses(
        self, outputs: torch.Tensor, target: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of the counts, and what is learnt from: with the auxiliary tasks'.

        Args:
            outputs: of the model while it trains (n, counts' and then the auxiliary tasks').
            target: distributions (n, levels and then the auxiliary tasks' outputs).
        """
        if not self.auxiliary:
            counted = self.criterion(outputs, target)
            return counted, counted
        outputs, others = _parted(outputs)
        target, wanted = _parted(target)
        counted = self.criterion(outputs, target)
        return counted, counted + self.auxiliary * auxiliary.loss(others, wanted)

    def log_probabilities(self, outputs: torch.Tensor) -> torch.Tensor:
        """Of the levels (n, levels), from outputs of the model while it trains."""
        counted = _parted(outputs)[0] if self.auxiliary else outputs
        return network.log_probabilities(counted.float(), self.counting.loss)

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
    return Learner(model, criterion, counting, frozen, average, options.auxiliary)


def _parted(together: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The counts' columns, and the auxiliary tasks'."""
    return together[:, : -auxiliary.OUTPUTS], together[:, -auxiliary.OUTPUTS :]


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
        state = rest | {
            f"{head}.{name.partition('.')[2]}": tensor for name, tensor in state.items()
        }
    state = {name: tensor for name, tensor in state.items() if ".beside." not in name}
    outputs = len(state[f"{head}.bias"])  # of which coral shares one weight
    return state | {f"{head}.weight": state[f"{head}.weight"].expand(outputs, -1).clone()}
