"""What each step learns from: which images, how they are changed, which are mixed with which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy
import torch

FEWEST = 2  # images of each process in a batch: batch normalisation cannot learn from a single one
# The changes of so many images, one row each; of `Inputs.draw`.
Draw = Callable[[int, torch.Generator], torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """How the batches of a training are drawn.

    Attributes:
        size: images in a batch.
        mixup: alpha of the Beta distribution; 0 for no mixing.
        balanced: draw with replacement, so that all levels are as likely.
        rank: which of the processes that share each batch this is.
        processes: how many there are.
    """

    size: int
    mixup: float = 0.0
    balanced: bool = False
    rank: int = 0
    processes: int = 1


@dataclass(frozen=True)
class Step:
    """What one process does in one step.

    Attributes:
        batch: images in the whole batch, of all processes.
        own: how many of them are this one's.
        indices: of the images to be read; its own first.
        changes: a row for each of `indices`.
        partners: where, in `indices`, the partner of each of its own images is.
        share: of an image; the rest is its partner's.
    """

    batch: int
    own: int
    indices: torch.Tensor
    changes: torch.Tensor
    partners: torch.Tensor
    share: float

    def mix(self, values: torch.Tensor) -> torch.Tensor:
        """Values (own, …) mixed from those of all that was read (indices, …)."""
        if self.share == 1:
            return values[: self.own]
        return self.share * values[: self.own] + (1 - self.share) * values[self.partners]


def steps(levels: torch.Tensor, plan: Plan, draw: Draw, generator: torch.Generator) -> list[Step]:
    """The steps of one epoch, the same batches however many processes share them.

    Args:
        levels: of the images (n).
        plan: how batches are drawn.
        draw: of changes.
        generator: where all chances come from.
    """
    planned = []
    for batch in batches(levels, plan, generator):
        changes = draw(len(batch), generator)
        share, partners = mixture(len(batch), plan.mixup, generator)
        mine = torch.arange(len(batch)).tensor_split(plan.processes)[plan.rank]
        partners = partners[mine]
        if plan.processes > 1 and share < 1:
            read = torch.cat([mine, partners])
            partners = torch.arange(len(mine), 2 * len(mine))
        else:
            read = mine
        planned.append(Step(len(batch), len(mine), batch[read], changes[read], partners, share))
    return planned


def batches(levels: torch.Tensor, plan: Plan, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Indices of one epoch, in batches; each image once, unless they are to be balanced.

    A last batch that has too few for every process is left out.
    """
    if plan.balanced:
        weights = 1.0 / torch.bincount(levels)[levels]
        order = torch.multinomial(weights, len(levels), replacement=True, generator=generator)
    else:
        order = torch.randperm(len(levels), generator=generator)
    for batch in order.split(plan.size):
        if len(batch) >= FEWEST * plan.processes:
            yield batch


def mixture(count: int, alpha: float, generator: torch.Generator) -> tuple[float, torch.Tensor]:
    """The share of each image in a mixed batch, and its partners (count).

    Zhang et al. 2018, "mixup: Beyond empirical risk minimization": the share is of
    Beta(alpha, alpha). The larger part is always the image's own, so that an accuracy can be told.
    """
    if alpha <= 0:
        return 1.0, torch.arange(count)
    # torch draws no Beta from a generator of one's own; numpy's is seeded by it, batch for batch.
    seed = int(torch.randint(2**31, (1,), generator=generator))
    share = float(numpy.random.default_rng(seed).beta(alpha, alpha))
    return max(share, 1 - share), torch.randperm(count, generator=generator)
