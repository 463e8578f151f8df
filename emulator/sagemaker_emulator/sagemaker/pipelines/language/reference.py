"""References: the text of a `Get` and the path of a `Std:JsonGet`, parsed and looked up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError

ROOTS = ("Parameters", "Steps", "Execution")
PathKey = str | int
_PART = re.compile(
    r"""\.?(?P<name>[^.\[\]'"]+)|\[(?P<index>[0-9]{1,9})\]|\['(?P<single>[^']*)'\]|\["(?P<double>[^"]*)"\]"""
)
_INDEX = re.compile(r"[0-9]{1,9}")


class MissingKeyError(LookupError):
    """A path that does not exist; the message states where it ended and what is there."""


@dataclass(frozen=True)
class Reference:
    """A parsed `Get`: `Steps.Train.ModelArtifacts` has root "Steps" and name "Train"."""

    text: str
    root: str
    name: str
    path: tuple[PathKey, ...] = ()

    @classmethod
    def parse(cls, text: Any) -> Reference:
        """Parse the text of a `Get`.

        Raises:
            DefinitionError: if it does not begin with Parameters., Steps. or Execution. and a name.
        """
        try:
            parts = parse_path(text)
        except ValueError as error:
            raise DefinitionError(f"Invalid reference {text!r}: {error}") from error
        if len(parts) < 2 or parts[0] not in ROOTS or not isinstance(parts[1], str):
            raise DefinitionError(
                f"Invalid reference {text!r}: it must begin with Parameters.NAME, Steps.NAME or "
                "Execution.NAME."
            )
        return cls(text, str(parts[0]), parts[1], tuple(parts[2:]))


def parse_path(text: Any) -> list[PathKey]:
    """Split a path such as ``a.b['c.d'][0]`` into keys and indices; a leading ``$`` is ignored.

    Raises:
        ValueError: if the text is not such a path.
    """
    if not isinstance(text, str) or not text:
        raise ValueError("expecting a path such as a.b[0]['c']")
    keys: list[PathKey] = []
    position = 1 if text.startswith("$") else 0
    while position < len(text):
        match = _PART.match(text, position)
        if not match:
            raise ValueError(f"it cannot be parsed from {text[position:]!r} on")
        if match["index"] is not None:
            keys.append(int(match["index"]))
        else:
            keys.append(match["name"] or match["single"] or match["double"] or "")
        position = match.end()
    return keys


def look_up(value: Any, path: Sequence[PathKey], source: str) -> Any:
    """Follow a path into JSON-like data.

    A string key into a list of objects selects the object that has that name (an output by its
    OutputName, a channel by its ChannelName), as `Outputs['train']` does in a definition.

    Raises:
        MissingKeyError: if the path does not exist; the message calls the data `source`.
    """
    for depth, key in enumerate(path):
        try:
            value = _child(value, key)
        except LookupError:
            at = "".join(f"[{k!r}]" for k in path[:depth]) or "its top"
            raise MissingKeyError(
                f"{source} has no {key!r} at {at}; there is {_summary(value)}."
            ) from None
    return value


def _child(value: Any, key: PathKey) -> Any:
    if isinstance(value, dict):
        return value[str(key)]
    if isinstance(value, list):
        if isinstance(key, int) or _INDEX.fullmatch(key):
            return value[int(key)]
        for item in value:
            if isinstance(item, dict) and any(
                name.endswith("Name") and item[name] == key for name in item
            ):
                return item
    raise LookupError


def _summary(value: Any) -> str:
    if isinstance(value, dict):
        return "an object with " + (", ".join(repr(key) for key in list(value)[:12]) or "no keys")
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"the value {value!r}"
