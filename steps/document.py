"""JSON that a client or a person wrote, read strictly: what nobody means is an error.

Shipped in the model as `code/document.py`, and used by the command line for files of records. It
needs the standard library only.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

# Commas and brackets bound the number of values. A record of 1,000 items, as long as ABID writes
# them, has half of this; a document of brackets alone would fill the memory.
MOST_VALUES = 100_000
MOST_DIGITS = 300  # of a number; Python refuses to read one of more than 4,300


class DocumentError(ValueError):
    """A document cannot be read; the message says what is wrong."""


class TooLargeError(DocumentError):
    """It has more values than are read."""


def read(text: bytes, where: str) -> Any:
    """Read a JSON document in UTF-8, UTF-16 or UTF-32; numbers such as 3.0 become whole ones.

    Args:
        text: The document.
        where: What it is, for messages: `the part record`.

    Raises:
        DocumentError: It is no JSON, is nested too deeply, or has a key twice or a number that
            nobody means.
        TooLargeError: It has too many values.
    """
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise TooLargeError(
            f"{where} has more than {MOST_VALUES:,} values; a record of 1,000 items needs fewer"
        )
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_number,
        )
    except DocumentError:
        raise
    except RecursionError:
        raise DocumentError(
            f"{where} is nested too deeply; a record has at most five levels"
        ) from None
    except UnicodeDecodeError as error:
        raise DocumentError(f"{where} is no JSON: it is not a text in UTF-8") from error
    except ValueError as error:
        raise DocumentError(f"{where} is no JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise DocumentError(f"the key {twice!r:.40} is there twice; keep one")
    return found


def _constant(name: str) -> None:
    raise DocumentError(f"{name} is not a number of JSON; send null for what is unknown")


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise DocumentError(f"a number has {len(text):,} digits; at most {MOST_DIGITS} are read")
    return int(text)


def _number(text: str) -> float | int:
    value = float(text)
    if not math.isfinite(value):
        raise DocumentError(f"the number {text:.40} is too large; send null for what is unknown")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
