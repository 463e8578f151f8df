"""The options of Prepare: its command line, checked once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from bin_files import MOST_UNUSABLE
from counts import Classes
from preparation.errors import PreparationError

NONE = "none"  # SageMaker passes no empty arguments to a job


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


def _classes(text: str) -> Classes:
    try:
        return Classes.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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


def _option(default: str, help: str, **more: Any) -> Any:
    return field(metadata={"default": default, "help": f"{help} (default: {default})", **more})


@dataclass(frozen=True)
class Options:
    """What to prepare. Each field is an option of the command line, with its help."""

    source: str = field(
        metadata={"required": True, "help": "s3://bucket/prefix or a folder of bins"}
    )
    further: str = _option(
        NONE, "s3://bucket/prefix or a folder of bins to learn from and never to judge on"
    )
    audits: str = _option(NONE, "s3://bucket/prefix or a folder of audits, whose counts are used")
    audit_version: str = _option(NONE, "version of the audits, for the manifest and the step cache")
    file_list: str = _option(NONE, "file_list.json (s3:// or a path): use only its images")
    data_version: str = _option(NONE, "version label, for the manifest and the step cache")
    subset_size: int = _option("0", "images in all, balanced; 0: every image", type=_natural)
    classes: Classes = _option(  # noqa: RUF009, as every default here is a field
        "1-5", "counts to train and score; 0-6+: the last is 6 or more", type=_classes
    )
    learn_from: str = _option(
        "classes",
        "all: train/ also gets other counts; of a subset, the same share of them",
        choices=("classes", "all"),
    )
    contradictions: str = _option(
        "keep",
        "bins whose items' quantities do not add up to their count",
        choices=("keep", "leave-out"),
    )
    split: tuple[float, float, float] = _option("8:1:1", "train:validation:test", type=_shares)
    seed: int = _option("0", "random seed of selection and split", type=_natural)
    store_size: int = _option(
        "0", "train and validation as squares of this many pixels; 0: as they are", type=_natural
    )
    max_quarantined: float = _option(
        str(MOST_UNUSABLE), "share of unusable bins above which the step fails", type=_share
    )
    concurrency: int = _option("32", "parallel requests", type=_natural)

    @property
    def uses_other_counts(self) -> bool:
        """Whether bins with counts outside `classes` are used for training."""
        return self.learn_from == "all"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors reach the job's ExitMessage."""

    def error(self, message: str) -> NoReturn:
        raise PreparationError(message)


def parse(arguments: Sequence[str] | None, description: str | None = None) -> Options:
    """Parse the command line.

    Raises:
        PreparationError: An argument is missing, unknown or not allowed.
    """
    parser = _Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in fields(Options):
        parser.add_argument(f"--{option.name.replace('_', '-')}", **option.metadata)
    return Options(**vars(parser.parse_args(arguments)))
