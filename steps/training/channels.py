"""What a training is given: the images of its channels, and the counts in them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from training import data, lessons
from training.environment import Environment
from training.losses import Levels


@dataclass(frozen=True)
class Channels:
    """Images to learn from and to validate with, and the counts that they have."""

    train: data.Images
    validation: data.Images
    levels: Levels

    @staticmethod
    def load(options: argparse.Namespace, places: Environment) -> Channels:
        """Load both, and say which counts validation lacks.

        Raises:
            TrainingError: a channel is missing, or its images are not as they must be.
        """
        train_folder, validation_folder = places.channel("train"), places.channel("validation")
        train = data.load(train_folder, options.image_size, options.num_workers)
        levels = lessons.levels(train, options.counts)
        validation = data.load(
            validation_folder, options.image_size, options.num_workers, levels.classes
        )
        lacking = set(range(len(levels.classes))) - set(validation.labels.tolist())
        if lacking:
            counts = data.listed(tuple(levels.classes[index] for index in sorted(lacking)))
            print(f"validation has no image of {counts} items; its accuracy leaves them out")
        return Channels(train, validation, levels)
