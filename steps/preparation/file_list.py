"""The file list: which images to use, by class."""

from __future__ import annotations

import json

from counts import Classes
from preparation.errors import PreparationError

FORM = 'a file list is {"1": ["data/metadata/00005.json", ...], "2": [...], ...}'


def parse(content: bytes, classes: Classes, others: bool = False) -> dict[str, str]:
    """Return what a `file_list.json` (class -> ["data/metadata/ID.json", ...]) names, with its key.

    Args:
        content: The bytes of the file.
        classes: The counts to train and score. A key is a count, or the class "6+" of them.
        others: Also return what is of other classes.

    Raises:
        PreparationError: It has another form, or no image of `classes`.
    """
    try:
        document = json.loads(content)  # a byte order mark is skipped
    except ValueError as error:
        raise PreparationError(f"The file list is not JSON ({error}); {FORM}.") from None
    listed: dict[str, str] = {}
    found = False
    if not isinstance(document, dict):
        raise PreparationError(f"The file list is not a JSON object; {FORM}.")
    for key, names in document.items():
        is_count = key.isascii() and key.isdecimal()
        if not (is_count or key in classes.names) or not isinstance(names, list):
            raise PreparationError(f"The file list has the key {key!r}, not a class; {FORM}.")
        of_classes = key in classes.names or classes.of(int(key)) is not None
        if others or of_classes:
            listed |= {str(name): key for name in names}
            found = found or bool(of_classes and names)
    if not found:
        raise PreparationError(f"The file list has no image of the classes {classes.text}; {FORM}.")
    return listed


def agrees(key: str, count: int, classes: Classes) -> bool:
    """Whether a bin's count is what its key in the file list says."""
    if key.isdecimal():
        return int(key) == count
    of = classes.of(count)
    return of is not None and classes.name(of) == key
