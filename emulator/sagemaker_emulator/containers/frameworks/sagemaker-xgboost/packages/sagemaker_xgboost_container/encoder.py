"""Decodes and encodes bodies for scripts in the image, as AWS's module of this name does."""

from __future__ import annotations

import json
from typing import Any

from . import scoring


def csv_to_dmatrix(input: str | bytes, dtype: Any = None) -> Any:
    """The rows of a CSV without labels as a DMatrix; `dtype`, AWS's argument, is not needed.

    Raises:
        ValueError: A cell is no number.
    """
    return decode(input, "text/csv")


def libsvm_to_dmatrix(string_like: str | bytes) -> Any:
    """The rows of LIBSVM lines as a DMatrix, without their labels.

    Raises:
        ValueError: A feature is no `index:value`.
    """
    return decode(string_like, "text/libsvm")


def decode(obj: str | bytes, content_type: str) -> Any:
    """The rows of a body in CSV or LIBSVM as a DMatrix, without labels.

    Raises:
        ValueError: They are not as the content type has it, or it is another.
    """
    return scoring.decode(obj.encode() if isinstance(obj, str) else bytes(obj), content_type)


def json_to_jsonlines(json_data: str | dict[str, Any]) -> bytes:
    """A line of JSON for each entry of the one list in an object.

    Raises:
        ValueError: The object has not exactly one member.
    """
    content = json.loads(json_data) if isinstance(json_data, str) else json_data
    if len(content) != 1:
        raise ValueError("JSON response is not compatible for conversion to jsonlines.")
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in next(iter(content.values())))
