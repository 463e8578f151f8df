"""The batches of each epoch: which images, their changes, and which images are mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy
import torch

FEWEST = 2  # images of each process in a batch: batch normalisation cannot train on a single one
# Draws changes for a number of images, one row each, as `Inputs.draw`.
Draw = Callable[[int, torch.Generator], torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """The rules for drawing batches.

    Attributes:
        size: images in a batch.
        mixup: alpha of the Beta distribution; 0 for no mixing.
        balanced: draw with replacement, all levels with equal probability.
        rank: number of this process among those that share each batch.
        processes: number of these processes.
    """

    size: int
    mixup: float = 0.0
    balanced: bool = False
    rank: int = 0
    processes: int = 1


@dataclass(frozen=True)
class Step:
    """The images of one process in one step.

    Attributes:
        batch: images in the whole batch, over all processes.
        own: images of this process.
        indices: images to read; its own first.
        changes: a row for each of `indices`.
        partners: for each of its own images, the position of its partner in `indices`.
        share: weight of an image; the rest is the weight of its partner.
    """

    batch: int
    own: int
    indices: torch.Tensor
    changes: torch.Tensor
    partners: torch.Tensor
    share: float

    def mix(self, values: torch.Tensor) -> torch.Tensor:
        """Mix the values of all images read (indices, …) into those of its own (own, …)."""
        if self.share == 1:
            return values[: self.own]
        return self.share * values[: self.own] + (1 - self.share) * values[self.partners]


def steps(levels: torch.Tensor, plan: Plan, draw: Draw, generator: torch.Generator) -> list[Step]:
    """The steps of one epoch; the batches do not depend on the number of processes.

    Args:
        levels: index of each image's level (n).
        plan: the rules for drawing batches.
        draw: draws the changes.
        generator: source of all random numbers.
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
    """Yield the indices of one epoch in batches; each image once, unless balanced.

    A last batch with too few images for every process is skipped.
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
    """Draw the share of each image in a mixed batch, and its partners (count).

    Zhang et al. 2018, "mixup: Beyond empirical risk minimization": the share has the distribution
    Beta(alpha, alpha). An image always keeps the larger part, so that its accuracy is defined.
    """
    if alpha <= 0:
        return 1.0, torch.arange(count)
    # torch cannot draw from Beta with a given generator; numpy's is seeded from it for each batch.
    seed = int(torch.randint(2**31, (1,), generator=generator))
    share = float(numpy.random.default_rng(seed).beta(alpha, alpha))
    return max(share, 1 - share), torch.randperm(count, generator=generator)
