"""The hyperparameters of a training: their names, defaults and what is allowed."""

from __future__ import annotations

import argparse
import math
import os
from typing import NoReturn

import network

from training.environment import TrainingError


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The hyperparameters."""
    parser = _Parser(description="Train the network that counts the items of a bin.")
    add = parser.add_argument
    add("--lr", type=_positive_number, default=0.01, help="learning rate at its peak, 0.001 to 0.1")
    add("--batch-size", type=_whole_number, default=32)
    add("--epochs", type=_whole_number, default=3)
    add("--test-batch-size", type=_whole_number, default=100, help="images at once in validation")
    add("--backbone", default=network.SHIPPED, help="a torchvision ResNet or a timm name")
    add("--image-size", type=_pixels, default=128, help="pixels, width and height")
    add("--pretrained", type=_true_or_false, default=True, help="start from ImageNet weights")
    add("--weight-decay", type=float, default=0.02)
    add("--label-smoothing", type=_share, default=0.1)
    add(
        "--num-workers",
        type=_whole_number,
        default=os.cpu_count() or 1,
        help="threads that decode images",
    )
    add("--seed", type=int, default=0)
    add("--debug", type=_true_or_false, default=False, help="save tensors, judge them by rules")
    add(
        "--stop-on-issue",
        type=_true_or_false,
        default=False,
        help="with debug: end after the epoch in which a rule finds an issue, with the best so far",
    )
    add(
        "--profile",
        type=_true_or_false,
        default=True,
        help="record the operators of two steps, and write profile.html",
    )
    options = parser.parse_args(arguments)
    if options.stop_on_issue and not options.debug:
        parser.error("stop-on-issue needs the debug rules; set debug to true as well")
    return options


class _Parser(argparse.ArgumentParser):
    """Argparse that leaves it to `main` how an error is told."""

    def error(self, message: str) -> NoReturn:
        raise TrainingError(f"hyperparameter refused: {message}")


def _whole_number(text: str) -> int:
    number = int(float(text))  # a tuner may write an integer as 32.0
    if number < 1 or number != float(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return number


def _pixels(text: str) -> int:
    number = _whole_number(text)
    if number < 32:
        raise argparse.ArgumentTypeError(f"{text} is too small for a network; at least 32 pixels")
    return number


def _positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return number


def _true_or_false(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{text} is neither true nor false")
