"""References: the text of a `Get` and the path of a `Std:JsonGet`, taken apart and looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError

ROOTS = ("Parameters", "Steps", "Execution")
Key = str | int
_PART = re.compile(
    r"""\.?(?P<name>[^.\[\]'"]+)|\[(?P<index>\d+)\]|\['(?P<single>[^']*)'\]|\["(?P<double>[^"]*)"\]"""
)


class MissingKeyError(KeyError):
    """A path that leads nowhere; the message says where it ended and what was there."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Reference:
    """A parsed `Get`: `Steps.Train.ModelArtifacts` has root "Steps" and name "Train"."""

    text: str
    root: str
    name: str
    path: tuple[Key, ...] = ()

    @classmethod
    def parse(cls, text: Any) -> Reference:
        """Take a `Get` apart.

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


def parse_path(text: Any) -> list[Key]:
    """The keys and indices of a path such as ``a.b['c.d'][0]``; a leading ``$`` is ignored.

    Raises:
        ValueError: if the text is not such a path.
    """
    if not isinstance(text, str) or not text:
        raise ValueError("expecting a path such as a.b[0]['c']")
    keys: list[Key] = []
    position = 1 if text.startswith("$") else 0
    while position < len(text):
        match = _PART.match(text, position)
        if not match:
            raise ValueError(f"cannot read it from {text[position:]!r} on")
        if match["index"] is not None:
            keys.append(int(match["index"]))
        else:
            keys.append(match["name"] or match["single"] or match["double"] or "")
        position = match.end()
    return keys


def look_up(value: Any, path: list[Key] | tuple[Key, ...], where: str) -> Any:
    """Follow a path into JSON-like data.

    A string key into a list of objects finds the object that has that name (an output by its
    OutputName, a channel by its ChannelName), as `Outputs['train']` does in a definition.

    Raises:
        MissingKeyError: if the path leads nowhere.
    """
    for depth, key in enumerate(path):
        found, value = _child(value, key)
        if not found:
            at = "".join(f"[{k!r}]" for k in path[:depth]) or "its top"
            raise MissingKeyError(f"{where} has no {key!r} at {at}; there is {_summary(value)}.")
    return value


def _child(value: Any, key: Key) -> tuple[bool, Any]:
    """(True, child) or (False, the value that lacks it)."""
    if isinstance(value, dict):
        return (True, value[str(key)]) if str(key) in value else (False, value)
    if not isinstance(value, list):
        return False, value
    if isinstance(key, int) or key.isdigit():
        return (True, value[int(key)]) if int(key) < len(value) else (False, value)
    for item in value:
        if isinstance(item, dict) and key in [v for k, v in item.items() if k.endswith("Name")]:
            return True, item
    return False, value


def _summary(value: Any) -> str:
    if isinstance(value, dict):
        return "an object with " + (", ".join(repr(key) for key in list(value)[:12]) or "no keys")
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"the value {value!r}"
