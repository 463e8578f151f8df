"""Numbers in texts and JSON, read by the contract of who wrote them, not by what Python accepts.

Python's `int`, `float` and `json` also read `1_000`, ` 5 `, digits of other scripts, `NaN` and
`Infinity`; no service does, and JSON (RFC 8259) has no such numbers.
"""

import json
import math
import re
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,10})?")
# The range of Java's Long, in which the services count.
LEAST, MOST = -(2**63), 2**63 - 1


def integer(text: str) -> int | None:
    """The integer that a text is, of 64 bits; None where it is none."""
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if LEAST <= value <= MOST else None


def number(text: str) -> float | None:
    """The finite number that a text is; None where it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def is_finite(value: object) -> bool:
    """Whether a value is an int or a float that a float can hold, and no bool."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond the floats
        return False


def parse_json(text: str | bytes, unique: bool = False) -> Any:
    """Parse a JSON document as RFC 8259 has it: no NaN, no Infinity, no number beyond a float.

    Args:
        text: the document; bytes are UTF-8.
        unique: whether an object with two members of one name is refused; else the last counts.

    Raises:
        ValueError: It is none, it is nested too deeply, or it is not UTF-8.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_float,
            parse_int=_int,
            object_pairs_hook=_unique if unique else None,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_deeper(value: object, levels: int) -> bool:
    """Whether lists and objects of a JSON value are nested in more levels."""
    inner: list[object] = [value]
    for _ in range(levels + 1):
        inner = [
            child
            for each in inner
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not inner:
            return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the member {twice!r} twice")
    return members


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _int(text: str) -> int:
    if len(text) > 400:
        raise ValueError(f"{text[:40]}... is too large a number")
    value = int(text)
    if not is_finite(value):
        raise ValueError(f"{text[:40]}... is too large a number")
    return value
