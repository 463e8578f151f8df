"""Losses for ordered counts, and their targets.

The target of every loss is a distribution over the levels, so a mixture of two images has the
mixture of their targets. Every loss is a mean over the images, so a batch can be split in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.loss import _Loss

import network
from training.hyperparameters import Loss

BINARY = ("coral", "corn")  # losses with one output for each threshold between two levels
# Weight of the squared error (items) against the cross-entropy (nats): equal at 2 items of error.
EXPECTATION_SHARE = 0.2
MORE = 4  # levels above the judged counts; the last of them means "and more"


@dataclass(frozen=True)
class Levels:
    """The counts that the network tells apart, and those that it answers.

    Attributes:
        counts: in order; the last also stands for all greater counts.
        classes: the counts that the model answers and is scored on.
        or_more: whether the last class holds all greater counts, too.
    """

    counts: tuple[int, ...]
    classes: tuple[int, ...]
    or_more: bool = False

    def outputs(self, loss: Loss) -> int:
        """Number of outputs of the network."""
        return len(self.counts) - (loss in BINARY)

    def of(self, counts: torch.Tensor) -> torch.Tensor:
        """Index of the level (n) of each count (n)."""
        return torch.searchsorted(torch.tensor(self.counts), counts.clamp(max=self.counts[-1]))

    def labels(self, counts: torch.Tensor) -> torch.Tensor:
        """Index of the class (n) of each count (n), all of which have one."""
        capped = counts.clamp(max=self.classes[-1])
        return torch.searchsorted(torch.tensor(self.classes), capped)

    @property
    def settings(self) -> dict[str, Any]:
        """What model.json says of them."""
        return {
            "classes": list(self.classes), "or_more": self.or_more, "levels": list(self.counts),
        }  # fmt: skip


def levels(counts: tuple[int, ...], judged: tuple[int, ...], or_more: bool = False) -> Levels:
    """The levels for images of these counts.

    Args:
        counts: all counts of the training images, in order.
        judged: those of them that the model answers.
        or_more: whether the last of these stands for all greater counts, too.
    """
    if counts == judged:
        return Levels(judged, judged, or_more)
    top = min(counts[-1], judged[-1] + MORE)
    return Levels(tuple(range(counts[0], top + 1)), judged, or_more)


def targets(
    indices: torch.Tensor, levels: Levels, loss: Loss, width: float, smoothing: float
) -> torch.Tensor:
    """The target of each image: a distribution over the levels (n, levels).

    soft-ordinal: a Gaussian around the count, `width` items wide (Díaz, Marathe 2019, "Soft Labels
    for Ordinal Regression"). cross-entropy and expected-count: the count, with the share
    `smoothing` spread over all levels. coral and corn: the count alone.

    Args:
        indices: index of each image's level (n).
        levels: the counts of these indices.
        loss: the loss that compares with the targets.
        width: standard deviation in items; 0 for the count alone.
        smoothing: from 0 to below 1.
    """
    exact = functional.one_hot(indices, len(levels.counts)).float()
    if loss == "soft-ordinal" and width > 0:
        counts = torch.tensor(levels.counts, dtype=torch.float32)
        away = (counts[None] - counts[indices, None]) / width
        return (-0.5 * away**2).softmax(1)
    if loss in ("cross-entropy", "expected-count"):
        return exact * (1 - smoothing) + smoothing / len(levels.counts)
    return exact


class CountLoss(_Loss):
    """The mean loss over the images, from outputs and targets (n, levels).

    It derives from torch's own base class because smdebug registers no other. Formulas:
        soft-ordinal, cross-entropy, corn: the negative log likelihood. For corn that is the sum of
            its conditional tasks; its paper divides it by the number of tasks' examples.
        coral: the sum over thresholds of binary cross-entropies of P(y > level) (its equation 4).
        expected-count: the negative log likelihood, and the squared error of the expected count.
    """

    counts: torch.Tensor

    def __init__(self, loss: Loss, levels: Levels) -> None:
        super().__init__()
        self.loss = loss
        counts = torch.tensor(levels.counts, dtype=torch.float32)
        self.register_buffer("counts", counts, persistent=False)

    def forward(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The loss of a batch."""
        outputs = outputs.float()
        if self.loss == "coral":
            above = 1 - target.cumsum(1)[:, :-1]
            each = functional.binary_cross_entropy_with_logits(outputs, above, reduction="none")
            return each.sum(1).mean()
        log_probabilities = network.log_probabilities(outputs, self.loss)
        loss = -(target * log_probabilities).sum(1).mean()
        if self.loss == "expected-count":
            error = (log_probabilities.exp() - target) @ self.counts
            loss = loss + EXPECTATION_SHARE * (error**2).mean()
        return loss


class Head(nn.Linear):
    """The last layer: dropout before it and, for coral, one weight for all thresholds.

    Attributes:
        weight: (1 or outputs, features); a shared weight makes the thresholds parallel, which
            keeps coral's ranks consistent.
    """

    def __init__(self, features: int, outputs: int, dropout: float, shared: bool) -> None:
        super().__init__(features, 1 if shared else outputs)
        nn.init.normal_(self.weight, std=0.01)
        # From above to below 0, as for thresholds that half of the images pass.
        start = torch.linspace(1, -1, outputs) if shared else torch.zeros(outputs)
        self.bias = nn.Parameter(start)
        self.dropout = dropout

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, outputs) of pooled features (n, features)."""
        features = functional.dropout(features, self.dropout, self.training)
        return functional.linear(features, self.weight) + self.bias


def replace_head(model: nn.Module, loss: Loss, levels: Levels, dropout: float) -> Head:
    """Replace the last layer of a network by a new head for this loss."""
    old = network.head_of(model)
    head = Head(old.in_features, levels.outputs(loss), dropout, shared=loss == "coral")
    model.set_submodule(network.head_name(model), head)
    return head
