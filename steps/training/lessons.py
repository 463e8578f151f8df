"""What is taught, and what is asked: images with the levels and targets that belong to them."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

import torch

from training import augmentation, data, losses
from training.environment import TrainingError
from training.inputs import Inputs, Pixels
from training.losses import Levels

# Mean and standard deviation by channel, for pixels in 0 … 1.
Colours = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Lesson:
    """Images and what they teach.

    Attributes:
        inputs: the images.
        levels: of each (n), as indices.
        targets: a distribution over the levels for each (n, levels).
    """

    inputs: Inputs
    levels: torch.Tensor
    targets: torch.Tensor


@dataclass(frozen=True)
class Exam(Lesson):
    """Images to validate with.

    Attributes:
        answers: the right class of each (n), as an index.
        classes: the counts that can be answered.
    """

    answers: torch.Tensor
    classes: tuple[int, ...]


def levels(train: data.Images, wanted: str) -> Levels:
    """The levels to learn, from the counts of the training images and those that are judged.

    Args:
        train: all images to learn from.
        wanted: FIRST-LAST as in Prepare's classes, or nothing for every count found.

    Raises:
        TrainingError: it is not of that form, or fewer than two of them have an image.
    """
    if not wanted:
        return losses.levels(train.classes, train.classes)
    ends = re.fullmatch(r"(\d+)-(\d+)", wanted)
    if not ends or int(ends[1]) >= int(ends[2]):
        raise TrainingError(f"counts is FIRST-LAST, such as 1-5 or 0-5, not '{wanted}'")
    asked = range(int(ends[1]), int(ends[2]) + 1)
    judged = tuple(count for count in asked if count in train.classes)
    if len(judged) < 2:
        raise TrainingError(
            f"counts is {wanted}, but the channel train has images of "
            f"{data.listed(train.classes)} items; two of the counts are needed"
        )
    if len(judged) < len(asked):
        lacking = data.listed(tuple(sorted(set(asked) - set(judged))))
        print(f"train has no image of {lacking} items; that is never answered", flush=True)
    return losses.levels(train.classes, judged)


def pixels(
    images: data.Images, options: argparse.Namespace, colours: Colours, device: torch.device
) -> Pixels:
    """A channel's images as the hyperparameters want them changed."""
    strength = augmentation.STRENGTHS[options.augment]
    return Pixels(images, *colours, strength, options.mirrored, device)


def lesson(
    images: data.Images, inputs: Inputs, levels: Levels, options: argparse.Namespace
) -> Lesson:
    """What the training images teach."""
    return Lesson(inputs, *_taught(images, levels, options))


def exam(images: data.Images, inputs: Inputs, levels: Levels, options: argparse.Namespace) -> Exam:
    """What the validation images, whose counts are all judged, ask."""
    return Exam(inputs, *_taught(images, levels, options), images.labels, levels.classes)


def _taught(
    images: data.Images, levels: Levels, options: argparse.Namespace
) -> tuple[torch.Tensor, torch.Tensor]:
    indices = levels.of(torch.tensor(images.classes)[images.labels])
    return indices, losses.targets(
        indices, levels, options.loss, options.label_width, options.label_smoothing
    )
