"""JSON that is kept: strictly JSON, and no deeper than can be written and read again."""

from typing import Any

from sagemaker_emulator.aws.numerals import is_deeper, parse_json

# Python gives up at about 900; what is read here is written, and read, again by others.
MAX_DEPTH = 400


def loads(text: str | bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Parse a text.

    Raises:
        ValueError: It is not JSON, see `numerals.parse_json`, or nested in more levels.
    """
    value = parse_json(text)
    if isinstance(text, str):
        opened = text.count("[") + text.count("{")
    else:
        opened = text.count(b"[") + text.count(b"{")
    if opened > max_depth and is_deeper(value, max_depth):
        raise ValueError(f"it is nested deeper than {max_depth} levels")
    return value
