"""The network of one training, and the part of it that is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

import network
from training.hyperparameters import Recipe
from training.model import freezing, losses, weights
from training.model.averaging import Average
from training.model.losses import CountLoss, Levels


@dataclass(frozen=True)
class Network:
    """A network, its last layer, and its frozen parts."""

    model: nn.Module
    head: nn.Module
    frozen: list[nn.Module]


@dataclass(frozen=True)
class Learner:
    """The trained part of a network, and the meaning of its outputs.

    Attributes:
        model: takes a batch from `Inputs`; on the device.
        criterion: from outputs and targets (n, levels) to the loss.
        counting: from outputs to probabilities of the classes.
        frozen: parts of the model that are not trained.
        average: average of the weights, which is validated and kept; None for the weights as
            they are.
    """

    model: nn.Module
    criterion: nn.Module
    counting: network.Counting
    frozen: list[nn.Module] = field(default_factory=list)
    average: Average | None = None

    @property
    def kept(self) -> nn.Module:
        """The module whose weights are kept."""
        return self.model if self.average is None else self.average.module


def build_network(recipe: Recipe, levels: Levels, weights_dir: Path | None) -> Network:
    """Build the network with a head for the loss and with frozen parts.

    Args:
        recipe: the hyperparameters.
        levels: of the outputs.
        weights_dir: folder of pretrained weights; None for an installed or a downloaded file.

    Raises:
        TrainingError: the backbone has fewer stages than are to be frozen.
        weights.WeightsUnavailable: there are no weights to start from.
    """
    outputs = levels.outputs(recipe.loss)
    if recipe.pretrained:
        model = weights.pretrained(recipe.backbone, outputs, weights_dir)
    else:
        model = network.build(recipe.backbone, outputs)
    head = losses.replace_head(model, recipe.loss, levels, recipe.dropout)
    frozen = freezing.first_parts(model, recipe.freeze, recipe.backbone)
    freezing.freeze(frozen)
    return Network(model, head, frozen)


def build_learner(
    model: nn.Module,
    recipe: Recipe,
    levels: Levels,
    device: torch.device,
    frozen: list[nn.Module],
) -> Learner:
    """Prepare a model for training.

    Args:
        model: its last layer fits the loss.
        recipe: the hyperparameters.
        levels: of the outputs.
        device: the model is moved to it.
        frozen: parts of the model that are not trained.
    """
    model.to(device=device, memory_format=torch.channels_last)
    criterion = CountLoss(recipe.loss, levels).to(device)
    settings = levels.settings | {"loss": recipe.loss}
    counting = network.counting(nn.Identity(), settings).to(device)
    average = Average(model, recipe.ema) if recipe.ema else None
    return Learner(model, criterion, counting, frozen, average)


def whole_state(
    model: nn.Module, state: dict[str, torch.Tensor], only_head: bool
) -> dict[str, torch.Tensor]:
    """The trained weights under the names of the plain network of `network.build`.

    Args:
        model: the network.
        state: weights of the trained part: the network or, with `only_head`, its head alone.
        only_head: take all other weights from `model`.
    """
    head = network.head_name(model)
    if only_head:
        rest = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
        state = rest | {f"{head}.{name.split('.')[-1]}": tensor for name, tensor in state.items()}
    outputs = len(state[f"{head}.bias"])  # of which coral shares one weight
    return state | {f"{head}.weight": state[f"{head}.weight"].expand(outputs, -1).clone()}
