"""The hyperparameters of a training: their names, defaults and what is allowed."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from typing import NoReturn

import network
from training.data import augmentation
from training.environment import TrainingError
from training.loop import optimisation
from training.model import losses
from training.result import export


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The hyperparameters."""
    parser = _Parser(description="Train the network that counts the items of a bin.")
    add = parser.add_argument
    _add_network(add)
    _add_images(add)
    _add_learning(add)
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
    add(
        "--export",
        choices=(export.AUTO, export.NONE),
        default=export.AUTO,
        help="auto: for ONNX Runtime, which serves three times as fast; none: PyTorch serves",
    )
    options = parser.parse_args(arguments)
    if options.label_noise != "off" and not options.pretrained:
        parser.error(
            f"label-noise {options.label_noise} judges labels by what a pretrained backbone sees; "
            "set pretrained to true, or label-noise to off"
        )
    if options.stop_on_issue and not options.debug:
        parser.error("stop-on-issue needs the debug rules; set debug to true as well")
    return options


def _add_network(add: Callable[..., object]) -> None:
    """What is trained, and how its answers are formed."""
    add("--backbone", default=network.SHIPPED, help="a torchvision ResNet or a timm name")
    add("--pretrained", type=_true_or_false, default=True, help="start from ImageNet weights")
    add(
        "--freeze",
        type=_freeze,
        default=0,
        help="keep the backbone's stem and so many stages; -1: all, features made once in a job",
    )
    add("--dropout", type=_share, default=0.2, help="of the features before the last layer")
    add(
        "--counts",
        default="",
        help="FIRST-LAST: what is judged and answered; images of other counts only teach. "
        "Nothing: every count in the channel train",
    )
    add("--loss", choices=losses.NAMES, default="soft-ordinal")
    add(
        "--label-width",
        type=_not_negative,
        default=0.6,
        help="of a soft-ordinal label: its standard deviation in items",
    )
    add("--label-smoothing", type=_share, default=0.1, help="cross-entropy and expected-count")
    add(
        "--mirrored",
        type=_true_or_false,
        default=True,
        help="answer with the mean over an image and its mirror image",
    )


def _add_images(add: Callable[..., object]) -> None:
    """Which images a step sees."""
    add("--image-size", type=_pixels, default=128, help="pixels, width and height")
    add("--batch-size", type=_whole_number, default=32, help="images in a step, of all processes")
    add("--test-batch-size", type=_whole_number, default=100, help="images at once in validation")
    add("--augment", choices=tuple(augmentation.STRENGTHS), default="light")
    add("--mixup", type=_not_negative, default=0.0, help="alpha of the Beta distribution; 0: off")
    add("--balanced", type=_true_or_false, default=False, help="see all counts equally often")
    add(
        "--label-noise",
        choices=("off", "measure", "leave-out"),
        default="off",
        help="look for labels that are probably wrong; leave-out: learn without the worst of them",
    )
    add(
        "--growing",
        type=_true_or_false,
        default=False,
        help=f"smaller images in the first {augmentation.GROWN_AFTER:.0%} of the epochs",
    )


def _add_learning(add: Callable[..., object]) -> None:
    """How the weights change."""
    add("--lr", type=_positive_number, default=0.01, help="learning rate at its peak, 0.001 to 0.1")
    add(
        "--head-rate",
        type=_positive_number,
        default=6.0,
        help="how many times faster the new head learns than a pretrained backbone",
    )
    add("--epochs", type=_whole_number, default=3)
    add("--schedule", choices=optimisation.SCHEDULES, default="one-cycle")
    add("--weight-decay", type=_not_negative, default=0.02)
    add("--ema", type=_share, default=0.998, help="decay of the average of the weights; 0: off")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of the network's arithmetic; auto: bfloat16 on a GPU that has it, else float32",
    )
    add("--compile", type=_true_or_false, default=False, help="torch.compile; minutes to begin")


class _Parser(argparse.ArgumentParser):
    """Argparse that leaves it to `main` how an error is told."""

    def error(self, message: str) -> NoReturn:
        raise TrainingError(f"hyperparameter refused: {message}")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a number")
    return number


def _whole_number(text: str) -> int:
    number = _number(text)  # a tuner may write an integer as 32.0
    if number < 1 or not number.is_integer():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(number)


def _pixels(text: str) -> int:
    number = _whole_number(text)
    if number < 32:
        raise argparse.ArgumentTypeError(f"{text} is too small for a network; at least 32 pixels")
    return number


def _positive_number(text: str) -> float:
    number = _number(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _not_negative(text: str) -> float:
    number = _number(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or above")
    return number


def _freeze(text: str) -> int:
    number = _number(text)
    if number < -1 or not number.is_integer():
        raise argparse.ArgumentTypeError(f"{text} is neither -1 nor a number of stages")
    return int(number)


def _share(text: str) -> float:
    number = _number(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return number


def _true_or_false(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{text} is neither true nor false")
