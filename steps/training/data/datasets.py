"""What is learnt and what is validated with: inputs, and what they are compared with."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch

from training.data.images import Images
from training.data.inputs import Inputs
from training.model import losses
from training.model.losses import Levels


@dataclass(frozen=True)
class TrainingSet:
    """What is learnt.

    Attributes:
        inputs: the images.
        levels: of each (n), as indices.
        targets: a distribution over the levels for each (n, levels).
    """

    inputs: Inputs
    levels: torch.Tensor
    targets: torch.Tensor

    @staticmethod
    def of(
        images: Images, inputs: Inputs, levels: Levels, options: argparse.Namespace
    ) -> TrainingSet:
        """The training images, with the targets that the hyperparameters want."""
        return TrainingSet(inputs, *_levels_and_targets(images, levels, options))


@dataclass(frozen=True)
class ValidationSet:
    """What is validated with.

    Attributes:
        inputs: the images.
        targets: as of a `TrainingSet`.
        labels: the right class of each (n), as an index.
        classes: the counts that can be answered.
    """

    inputs: Inputs
    targets: torch.Tensor
    labels: torch.Tensor
    classes: tuple[int, ...]

    @staticmethod
    def of(
        images: Images, inputs: Inputs, levels: Levels, options: argparse.Namespace
    ) -> ValidationSet:
        """The validation images, whose counts are all judged."""
        _, targets = _levels_and_targets(images, levels, options)
        return ValidationSet(inputs, targets, images.labels, levels.classes)


def _levels_and_targets(
    images: Images, levels: Levels, options: argparse.Namespace
) -> tuple[torch.Tensor, torch.Tensor]:
    indices = levels.of(torch.tensor(images.classes)[images.labels])
    return indices, losses.targets(
        indices, levels, options.loss, options.label_width, options.label_smoothing
    )
