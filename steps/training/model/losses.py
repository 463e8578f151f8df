"""Losses that know counts are in order, and the targets that they compare with.

Every loss takes a distribution over the levels as its target, so that a mixture of two images has
the mixture of their targets, and is a mean over the images, so that a batch can be cut in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.loss import _Loss

import network

NAMES = ("soft-ordinal", "cross-entropy", "coral", "corn", "expected-count")
BINARY = ("coral", "corn")  # one output for each threshold between two levels
# Of the squared error in items against the cross-entropy in nats: as much at an error of 2 items.
EXPECTATION_SHARE = 0.2
MORE = 4  # counts above the judged ones that are told apart; the last of them means "and more"


@dataclass(frozen=True)
class Levels:
    """The counts that the outputs stand for, and those among them that are judged.

    Attributes:
        counts: in order; the last also stands for every greater count that there is.
        classes: the counts that are answered.
    """

    counts: tuple[int, ...]
    classes: tuple[int, ...]

    def outputs(self, loss: str) -> int:
        """How many numbers the network gives."""
        return len(self.counts) - (loss in BINARY)

    def of(self, counts: torch.Tensor) -> torch.Tensor:
        """Index of the level (n) of each count (n)."""
        return torch.searchsorted(torch.tensor(self.counts), counts.clamp(max=self.counts[-1]))


def levels(found: tuple[int, ...], judged: tuple[int, ...]) -> Levels:
    """The levels for images of these counts.

    Args:
        found: the counts of the training images, in order.
        judged: those of them that are answered.
    """
    if found == judged:
        return Levels(judged, judged)
    top = min(found[-1], judged[-1] + MORE)
    return Levels(tuple(range(found[0], top + 1)), judged)


def targets(
    indices: torch.Tensor, levels: Levels, loss: str, width: float, smoothing: float
) -> torch.Tensor:
    """What each image's outputs are compared with: a distribution (n, levels).

    soft-ordinal: a Gaussian around the count, `width` items wide (Díaz, Marathe 2019, "Soft Labels
    for Ordinal Regression"). cross-entropy and expected-count: the count, of which `smoothing` is
    spread over all levels. coral and corn: the count alone.

    Args:
        indices: of the levels (n).
        levels: the counts that these are.
        loss: one of `NAMES`.
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
    """Mean over the images, from outputs and targets (n, levels) to one number.

    Its class has torch's own base because smdebug registers no other. Formulas:
        soft-ordinal, cross-entropy, corn: the negative log likelihood. For corn that is the sum of
            its conditional tasks; its paper divides it by the number of tasks' examples.
        coral: the sum over thresholds of binary cross-entropies of P(y > level) (its equation 4).
        expected-count: the negative log likelihood, and the squared error of the expected count.
    """

    counts: torch.Tensor

    def __init__(self, loss: str, levels: Levels) -> None:
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
        weight: (1 or outputs, features); a shared weight makes the thresholds parallel, which is
            what keeps coral's ranks consistent.
    """

    def __init__(self, features: int, outputs: int, dropout: float, shared: bool) -> None:
        super().__init__(features, 1 if shared else outputs)
        nn.init.normal_(self.weight, std=0.01)
        # Falling from above to below 0, as thresholds that half of the images pass would.
        start = torch.linspace(1, -1, outputs) if shared else torch.zeros(outputs)
        self.bias = nn.Parameter(start)
        self.dropout = dropout

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, outputs) of pooled features (n, features)."""
        features = functional.dropout(features, self.dropout, self.training)
        return functional.linear(features, self.weight) + self.bias


def add_head(model: nn.Module, loss: str, levels: Levels, dropout: float) -> Head:
    """Put a new head for this loss on a network in the place of its last layer."""
    old = network.head_of(model)
    head = Head(old.in_features, levels.outputs(loss), dropout, shared=loss == "coral")
    model.set_submodule(network.head_name(model), head)
    return head
