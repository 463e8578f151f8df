"""The options of Prepare: its command line, checked once."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from preparation.errors import PreparationError

NONE = "none"  # SageMaker passes no empty arguments to a job
MAX_CLASSES = 100


@dataclass(frozen=True)
class Options:
    """What to prepare; see `parse` for the meaning of each option."""

    source: str
    file_list: str
    data_version: str
    subset_size: int
    classes: range
    learn_from: str
    contradictions: str
    split: tuple[float, float, float]
    seed: int
    store_size: int
    max_quarantined: float
    concurrency: int

    @property
    def class_range(self) -> str:
        """The classes as they are written: FIRST-LAST."""
        return f"{self.classes.start}-{self.classes.stop - 1}"

    @property
    def uses_other_counts(self) -> bool:
        """Whether bins with counts outside `classes` are used for training."""
        return self.learn_from == "all"


def parse(arguments: Sequence[str] | None, description: str | None = None) -> Options:
    """Parse the command line.

    Raises:
        PreparationError: An argument is missing, unknown or not allowed.
    """
    parser = _Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--source", required=True, help="s3://bucket/prefix or a folder, laid out like ABID")
    add("--file-list", default=NONE, help="file_list.json (s3:// or a path): use only its images")
    add("--data-version", default=NONE, help="version label, for the manifest and the step cache")
    add("--subset-size", type=_natural, default=0, help="images in all, balanced; 0: every image")
    add("--classes", type=_classes, default="1-5", help="counts to train and score (default: 1-5)")
    add(
        "--learn-from",
        choices=("classes", "all"),
        default="classes",
        help="all: train/ also gets other counts; of a subset, the same share of them",
    )
    add(
        "--contradictions",
        choices=("keep", "leave-out"),
        default="keep",
        help="bins whose items' quantities do not add up to their count (default: keep)",
    )
    add("--split", type=_shares, default="8:1:1", help="train:validation:test (default: 8:1:1)")
    add("--seed", type=_natural, default=0, help="random seed of selection and split (default: 0)")
    add(
        "--store-size",
        type=_natural,
        default=0,
        help="resize train and validation to squares of this many pixels; 0: original size",
    )
    add(
        "--max-quarantined",
        type=_share,
        default=0.1,
        help="share of unusable bins above which the step fails (default: 0.1)",
    )
    add("--concurrency", type=_natural, default=32, help="parallel requests (default: 32)")
    return Options(**vars(parser.parse_args(arguments)))


class _Parser(argparse.ArgumentParser):
    """A parser whose errors reach the job's ExitMessage."""

    def error(self, message: str) -> NoReturn:
        raise PreparationError(message)


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1")
    return value


def _classes(text: str) -> range:
    match = re.fullmatch(r"(\d+)-(\d+)", text)
    if not match or not 0 < int(match[2]) - int(match[1]) < MAX_CLASSES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not FIRST-LAST, such as 1-5 or 0-5, with 2 to {MAX_CLASSES} counts"
        )
    return range(int(match[1]), int(match[2]) + 1)


def _shares(text: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(part) for part in text.split(":"))
        if min(train, validation, test) <= 0:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not three positive numbers TRAIN:VALIDATION:TEST, such as 8:1:1"
        ) from None
    return train, validation, test
