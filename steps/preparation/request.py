"""What Prepare is asked for: classes, shares and the file list, as they are written."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

from preparation.problem import PreparationError

MOST_CLASSES = 100


def parse_classes(text: str) -> range:
    """The counts of `FIRST-LAST`.

    Raises:
        PreparationError: The text is not of that form, or names fewer than two counts or too many.
    """
    found = re.fullmatch(r"(\d+)-(\d+)", text)
    if not found or not 0 < int(found[2]) - int(found[1]) < MOST_CLASSES:
        raise PreparationError(
            f"--classes is FIRST-LAST, such as 1-5 or 0-5, of at most {MOST_CLASSES} counts, "
            f"not {text!r}."
        )
    return range(int(found[1]), int(found[2]) + 1)


def parse_shares(text: str) -> tuple[float, float, float]:
    """The relative sizes of train, validation and test of `8:1:1`.

    Raises:
        PreparationError: The text is not three positive numbers.
    """
    try:
        train, validation, test = (float(part) for part in text.split(":"))
        if min(train, validation, test) <= 0:
            raise ValueError
    except ValueError:
        raise PreparationError(
            f"--split is three positive numbers TRAIN:VALIDATION:TEST, such as 8:1:1, not {text!r}."
        ) from None
    return train, validation, test


def parse_file_list(content: bytes, classes: range, others: bool = False) -> dict[str, int]:
    """The ids of a `file_list.json` (class -> ["data/metadata/ID.json", ...]) and their classes.

    Args:
        content: The bytes of the file.
        classes: The classes that are wanted.
        others: Also list the ids of other classes.

    Raises:
        PreparationError: It is not of that form, or names nothing of the wanted classes.
    """
    form = 'a file list is {"1": ["data/metadata/00005.json", ...], "2": [...], ...}'
    try:
        document = json.loads(content)
    except ValueError as error:
        raise PreparationError(f"The file list is not JSON ({error}); {form}.") from None
    listed: dict[str, int] = {}
    if not isinstance(document, dict):
        raise PreparationError(f"The file list is no JSON object; {form}.")
    for key, names in document.items():
        if not key.isdecimal() or not isinstance(names, list):
            raise PreparationError(f"The file list has an entry {key!r} that is no class; {form}.")
        if others or int(key) in classes:
            listed |= {PurePosixPath(str(name)).stem: int(key) for name in names}
    if not set(listed.values()) & set(classes):
        raise PreparationError(
            f"The file list names nothing of the classes {classes.start}-{classes.stop - 1}; "
            f"{form}."
        )
    return listed
