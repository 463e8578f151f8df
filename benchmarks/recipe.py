"""The best recipe that we know for real bins, and changes that show what its parts are worth."""

import argparse

COUNTS = "1-5"
RECIPE: dict[str, str] = {
    "backbone": "efficientnet_lite2",
    "freeze": "2",
    "image-size": "192",
    "growing": "true",
    "augment": "standard",
    "mixup": "0.2",
    "loss": "soft-ordinal",
    "label-width": "0.6",
    "lr": "0.03",  # 0.0015 for every weight that learns: docs/decisions/learning-rate.md
    "head-rate": "1",
    "schedule": "one-cycle",
    "ema": "0.998",
    "dropout": "0.2",
    "weight-decay": "0.02",
    "batch-size": "32",
    "epochs": "10",
}
LEARN_FROM = "learn-from"  # Prepare's, of which other counts teach as well; all others are Train's
WEIGHTS = "weights"  # a folder of weights to start from, in place of ImageNet's: a channel of Train
# A form of it that trains in minutes, to compare many changes; image by image, on one split.
SHORT = "backbone=efficientnet_lite0,image-size=128,growing=false,epochs=4"
VARIATIONS = (
    "learn-from=classes",
    "loss=cross-entropy",
    "loss=coral",
    "loss=corn",
    "loss=expected-count",
    "freeze=0",
    "freeze=3",
    "mixup=0",
    "augment=light",
    "ema=0",
    "balanced=true",
    "label-noise=leave-out",
    "image-size=96",
    "image-size=160",
    "backbone=efficientnet_lite2",
    "epochs=8",
)


def well_formed(text: str) -> str:
    """Changes to a recipe, as they are given on the command line.

    Raises:
        argparse.ArgumentTypeError: it is not of that form.
    """
    for change in text.split(",") if text else ():
        if not change.partition("=")[2]:
            raise argparse.ArgumentTypeError(f"'{change}' is not NAME=VALUE, such as mixup=0.4")
    return text


def varied(recipe: dict[str, str], changes: str) -> dict[str, str]:
    """The recipe with changes, NAME=VALUE[,NAME=VALUE]."""
    return {**recipe, **dict(change.split("=", 1) for change in changes.split(",") if change)}
