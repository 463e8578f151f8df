"""What a training is given: the images of its channels, and the counts in them."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from training.data.images import Images, format_counts, load_images
from training.environment import Environment, TrainingError
from training.model import losses
from training.model.losses import Levels


@dataclass(frozen=True)
class Channels:
    """Images to learn from and to validate with, and the counts that they have."""

    train: Images
    validation: Images
    levels: Levels

    @staticmethod
    def load(options: argparse.Namespace, places: Environment) -> Channels:
        """Load both, and say which counts validation lacks.

        Raises:
            TrainingError: a channel is missing, or its images are not as they must be.
        """
        train_folder, validation_folder = places.channel("train"), places.channel("validation")
        train = load_images(train_folder, options.image_size, options.num_workers)
        levels = levels_of(train, options.counts)
        validation = load_images(
            validation_folder, options.image_size, options.num_workers, levels.classes
        )
        lacking = set(range(len(levels.classes))) - set(validation.labels.tolist())
        if lacking:
            counts = format_counts(tuple(levels.classes[index] for index in sorted(lacking)))
            print(f"validation has no image of {counts} items; its accuracy leaves them out")
        return Channels(train, validation, levels)


def levels_of(train: Images, wanted: str) -> Levels:
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
    span = range(int(ends[1]), int(ends[2]) + 1)
    judged = tuple(count for count in span if count in train.classes)
    if len(judged) < 2:
        raise TrainingError(
            f"counts is {wanted}, but the channel train has images of "
            f"{format_counts(train.classes)} items; two of the counts are needed"
        )
    if len(judged) < len(span):
        lacking = format_counts(tuple(sorted(set(span) - set(judged))))
        print(f"train has no image of {lacking} items; that is never answered", flush=True)
    return losses.levels(train.classes, judged)
