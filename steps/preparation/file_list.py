"""The file list: which images to use, by class."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from preparation.errors import PreparationError

FORM = 'a file list is {"1": ["data/metadata/00005.json", ...], "2": [...], ...}'


def parse(content: bytes, classes: range, others: bool = False) -> dict[str, int]:
    """Return the ids of a `file_list.json` (class -> ["data/metadata/ID.json", ...]) and classes.

    Args:
        content: The bytes of the file.
        classes: The counts to train and score.
        others: Also return the ids of other classes.

    Raises:
        PreparationError: It has another form, or no image of `classes`.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise PreparationError(f"The file list is not JSON ({error}); {FORM}.") from None
    listed: dict[str, int] = {}
    if not isinstance(document, dict):
        raise PreparationError(f"The file list is not a JSON object; {FORM}.")
    for key, names in document.items():
        if not key.isdecimal() or not isinstance(names, list):
            raise PreparationError(f"The file list has the key {key!r}, not a class; {FORM}.")
        if others or int(key) in classes:
            listed |= {PurePosixPath(str(name)).stem: int(key) for name in names}
    if not set(listed.values()) & set(classes):
        raise PreparationError(
            f"The file list has no image of the classes {classes.start}-{classes.stop - 1}; {FORM}."
        )
    return listed
