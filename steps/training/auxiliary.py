"""What the books say of a bin beside its count, learnt along with it: auxiliary tasks.

How many kinds of items there are, how many of one kind, and their volume and weight in all: knowing
these teaches the network to tell items apart (Caruana 1997, "Multitask Learning"). What is served
answers the count alone.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from training.environment import TrainingError

NAME = "items.csv"  # Prepare's, in the channel train


@dataclass(frozen=True)
class Number:
    """How many, told apart up to `top`, which means "and more".

    Attributes:
        column: of `NAME`.
        share: of the loss, at a setting of 1.
        top: the greatest number.
    """

    column: str
    share: float
    top: int

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for it."""
        return self.top + 1

    def target(self, told: float) -> torch.Tensor:
        """A distribution over the outputs."""
        return torch.eye(self.outputs)[min(int(told), self.top)]


@dataclass(frozen=True)
class Measure:
    """How much, in levels that are equally far apart by ratio; a target is one level wide.

    Attributes:
        column: of `NAME`.
        share: of the loss, at a setting of 1.
        lowest: logarithm to base 2 of the lowest level.
        step: between two levels, as lowest.
        outputs: how many levels there are.
    """

    column: str
    share: float
    lowest: float
    step: float
    outputs: int = 8

    def target(self, told: float) -> torch.Tensor:
        """A distribution over the outputs."""
        if told <= 0:
            return torch.zeros(self.outputs)
        level = (math.log2(told) - self.lowest) / self.step
        level = min(max(level, 0), self.outputs - 1)
        return (-0.5 * (torch.arange(self.outputs) - level) ** 2).softmax(0)


# The levels reach from the 3rd to the 97th of a hundred real bins, in cubic inches and pounds.
TASKS: tuple[Number | Measure, ...] = (
    Number("kinds", 0.3, 6),
    Number("largest", 0.3, 6),
    Measure("volume", 0.1, 5.5, 0.8),
    Measure("weight", 0.1, -1.5, 0.7),
)
OUTPUTS = sum(task.outputs for task in TASKS)


def targets(files: Sequence[Path]) -> torch.Tensor:
    """Distributions over the outputs of all tasks, side by side (n, `OUTPUTS`).

    Where the books say nothing of a task the target is 0, and nothing is learnt from it.

    Args:
        files: the training images, `<channel>/<count>/<id>.jpg`; what is known of them lies in the
            channel's folder.

    Raises:
        TrainingError: the channel has no such table, or one that lacks images or columns.
    """
    place = files[0].parents[1] / NAME
    if not place.is_file():
        raise TrainingError(
            f"there is no {place}, which auxiliary tasks learn from; prepare the images again "
            "(Prepare writes it), or set auxiliary to 0"
        )
    with place.open(newline="") as file:
        table = csv.DictReader(file)
        lacking = {task.column for task in TASKS} - set(table.fieldnames or ())
        told = {line["id"]: line for line in table} if not lacking else {}
    if lacking:
        raise TrainingError(f"{place} has no column {', '.join(sorted(lacking))}")
    absent = [file.stem for file in files if file.stem not in told]
    if absent:
        raise TrainingError(f"{place} says nothing of {len(absent)} images, such as {absent[0]}")
    return torch.stack([_row(told[file.stem], place) for file in files])


def _row(line: dict[str, str], place: Path) -> torch.Tensor:
    parts = []
    for task in TASKS:
        text = line[task.column]
        try:
            parts.append(task.target(float(text)) if text else torch.zeros(task.outputs))
        except ValueError:
            raise TrainingError(
                f"{place}: {task.column} of {line['id']} is '{text}', not a number"
            ) from None
    return torch.cat(parts)


def loss(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropies of outputs and targets (n, `OUTPUTS`), added up by the tasks' shares."""
    sizes = [task.outputs for task in TASKS]
    each = zip(TASKS, outputs.float().split(sizes, 1), target.split(sizes, 1), strict=True)
    total = [
        -task.share * (wanted * given.log_softmax(1)).sum(1).mean() for task, given, wanted in each
    ]
    return torch.stack(total).sum()
