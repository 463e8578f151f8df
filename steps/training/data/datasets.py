"""Training and validation sets: inputs with their targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from training.data.images import Images
from training.data.inputs import Inputs
from training.environment import TrainingError
from training.hyperparameters import Recipe
from training.model import losses
from training.model.losses import Levels

RARE = 1e-4  # added to the share of a level, so that one without images has a logarithm


@dataclass(frozen=True)
class TrainingSet:
    """The images to train on.

    Attributes:
        inputs: the images.
        levels: index of each image's level (n).
        targets: distribution over the levels for each image (n, levels).
        corrections: added to the network's outputs in training (n, levels): for an image of the
            further source, log of each level's share there divided by its share among the other
            images, so that the network learns the shares of these (Menon et al. 2021, "Long-tail
            learning via logit adjustment"); otherwise 0.
    """

    inputs: Inputs
    levels: torch.Tensor
    targets: torch.Tensor
    corrections: torch.Tensor

    @staticmethod
    def of(images: Images, inputs: Inputs, levels: Levels, recipe: Recipe) -> TrainingSet:
        """Training images with targets for the loss of the recipe.

        Raises:
            TrainingError: there are further bins, and the loss has no outputs to correct.
        """
        indices, targets = _levels_and_targets(images, levels, recipe)
        corrections = torch.zeros_like(targets)
        further = images.further
        if further.any():
            if recipe.loss in losses.BINARY:
                raise TrainingError(
                    f"the loss {recipe.loss} cannot learn from the further bins, whose class "
                    "shares are wrong; choose soft-ordinal or cross-entropy, or leave them out"
                )
            there, here = targets[further].mean(0), targets[~further].mean(0)
            corrections[further] = ((there + RARE) / (here + RARE)).log()
        return TrainingSet(inputs, indices, targets, corrections)


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
        return ValidationSet(inputs, targets, levels.labels(images.counts), levels.classes)


def _levels_and_targets(
    images: Images, levels: Levels, recipe: Recipe
) -> tuple[torch.Tensor, torch.Tensor]:
    indices = levels.of(images.counts)
    return indices, losses.targets(
        indices, levels, recipe.loss, recipe.label_width, recipe.label_smoothing
    )
