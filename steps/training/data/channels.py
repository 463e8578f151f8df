"""The two channels of a training: their images and counts.

A third one, `test`, is never read: a model must not know the images that it is tested on. Evaluate
(steps/evaluate.py) measures it on them.
"""

from __future__ import annotations

from dataclasses import dataclass

from counts import Classes
from training.data.images import Images, format_counts, load_images
from training.environment import Environment, TrainingError
from training.hyperparameters import Recipe
from training.model import losses
from training.model.losses import Levels

VALIDATION = ("validation", "valid")
TEST = "test"


@dataclass(frozen=True)
class Channels:
    """Training and validation images, and the levels of their counts."""

    train: Images
    validation: Images
    levels: Levels

    @staticmethod
    def load(recipe: Recipe, environment: Environment) -> Channels:
        """Load both channels, and print the counts that validation lacks.

        Raises:
            TrainingError: a channel is missing, or its images cannot be used.
        """
        train_dir, validation_dir = environment.channel("train"), environment.channel(*VALIDATION)
        if TEST in environment.channels:
            print("channel 'test' is not used: Evaluate measures the model on it", flush=True)
        size, threads = recipe.image_size, recipe.num_workers
        train = load_images(train_dir, size, threads)
        levels = choose_levels(train, recipe.judged_counts)
        answered = Classes(levels.classes, levels.or_more)
        validation = load_images(validation_dir, size, threads, answered)
        missing = set(range(len(levels.classes))) - set(levels.labels(validation.counts).tolist())
        if missing:
            counts = format_counts(tuple(levels.classes[index] for index in sorted(missing)))
            print(f"validation has no image of {counts} items; its accuracy ignores them")
        return Channels(train, validation, levels)


def choose_levels(train: Images, judged: Classes | None) -> Levels:
    """The levels of the training images.

    Args:
        train: all training images.
        judged: the counts that the model answers; None for all counts of the images.

    Raises:
        TrainingError: fewer than two of the judged counts have an image.
    """
    if judged is None:
        return losses.levels(train.classes, train.classes)
    found = {judged.of(count) for count in train.classes}
    classes = tuple(count for count in judged.counts if count in found)
    if len(classes) < 2:
        raise TrainingError(
            f"counts is {judged.text}, but the channel train has images of "
            f"{format_counts(train.classes)} items; at least two of the counts need images"
        )
    if len(classes) < len(judged.counts):
        absent = (judged.words(count) for count in judged.counts if count not in classes)
        print(
            f"train has no image of {', '.join(absent)} items; the model never answers that",
            flush=True,
        )
    return losses.levels(train.classes, classes, judged.is_open(classes[-1]))
