"""The best known training recipe for real bins, and variations that measure each part of it."""

import argparse

COUNTS = "0-6+"
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
    "epochs": "8",
}
# An option of Prepare: bins to learn from whose class shares are wrong, or none; the others are
# Train's.
FURTHER = "further"
WEIGHTS = "weights"  # a folder of weights to start from instead of ImageNet's: a channel of Train
# Changes that make it train in minutes, to compare many variations on one split.
SHORT = "backbone=efficientnet_lite0,image-size=128,growing=false,epochs=4"
VARIATIONS = (
    "further=none",
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
    """Check changes to a recipe from the command line.

    Raises:
        argparse.ArgumentTypeError: They are not of the form NAME=VALUE[,NAME=VALUE].
    """
    for change in text.split(",") if text else ():
        if not change.partition("=")[2]:
            raise argparse.ArgumentTypeError(f"'{change}' is not NAME=VALUE, such as mixup=0.4")
    return text


def varied(recipe: dict[str, str], changes: str) -> dict[str, str]:
    """The recipe with changes of the form NAME=VALUE[,NAME=VALUE]."""
    return {**recipe, **dict(change.split("=", 1) for change in changes.split(",") if change)}
