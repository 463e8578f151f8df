"""Training and validation sets: inputs with their targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from training.data.images import Images
from training.data.inputs import Inputs
from training.hyperparameters import Recipe
from training.model import losses
from training.model.losses import Levels


@dataclass(frozen=True)
class TrainingSet:
    """The images to train on.

    Attributes:
        inputs: the images.
        levels: index of each image's level (n).
        targets: distribution over the levels for each image (n, levels).
    """

    inputs: Inputs
    levels: torch.Tensor
    targets: torch.Tensor

    @staticmethod
    def of(images: Images, inputs: Inputs, levels: Levels, recipe: Recipe) -> TrainingSet:
        """Training images with targets for the loss of the recipe."""
        return TrainingSet(inputs, *_levels_and_targets(images, levels, recipe))


@dataclass(frozen=True)
class ValidationSet:
    """The images to validate on.

    Attributes:
        inputs: the images.
        targets: as in `TrainingSet`.
        labels: index of each image's class (n).
        classes: the counts that can be answered.
    """

    inputs: Inputs
    targets: torch.Tensor
    labels: torch.Tensor
    classes: tuple[int, ...]

    @staticmethod
    def of(images: Images, inputs: Inputs, levels: Levels, recipe: Recipe) -> ValidationSet:
        """Validation images, all of whose counts can be answered."""
        _, targets = _levels_and_targets(images, levels, recipe)
        return ValidationSet(inputs, targets, images.labels, levels.classes)


def _levels_and_targets(
    images: Images, levels: Levels, recipe: Recipe
) -> tuple[torch.Tensor, torch.Tensor]:
    indices = levels.of(torch.tensor(images.classes)[images.labels])
    return indices, losses.targets(
        indices, levels, recipe.loss, recipe.label_width, recipe.label_smoothing
    )
