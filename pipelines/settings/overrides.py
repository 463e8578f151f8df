"""Values of a settings file replaced from the environment: `PIPELINE_TUNING_MAX_TRIALS=2`."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from pipelines.errors import UserError, closest

PREFIX = "PIPELINE_"
OTHERS = ("TARGET", "DEBUG")  # of the command line, and of no value
ALIKE = 0.8  # of 1; from here on a variable is taken for a mistyped one of ours


class VariableError(UserError):
    """A variable looks like one that replaces a value and is none, or its value cannot be read."""


def apply(values: dict[str, Any], environment: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put `PIPELINE_<SECTION>_<KEY>` values in place; answers which variable replaced which key.

    Raises:
        VariableError: A variable is misspelt, or its value is not YAML.
    """
    replaced = {}
    paths = [path for path in _leaves(values) if "_".join(path).upper() not in OTHERS]
    _refuse_misspelt(environment, ["_".join(path).upper() for path in paths], list(values))
    for path in paths:
        variable = PREFIX + "_".join(path).upper()
        if variable not in environment:
            continue
        section = values
        for key in path[:-1]:
            section = section[key]
        text = environment[variable]
        # An account is twelve digits and would be read as a number.
        section[path[-1]] = text if path[-1] == "account" else _value(variable, text)
        replaced[path] = variable
    return replaced


def _value(variable: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        said = getattr(error, "problem", None) or "it cannot be read"
        raise VariableError(f"${variable} is {text!r}, which is not YAML: {said}.") from None


def _leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key))


def _refuse_misspelt(
    environment: Mapping[str, str], keys: Sequence[str], sections: Sequence[str]
) -> None:
    """A typing mistake must not pass silently; a variable of somebody else's may."""
    for variable in sorted(environment):
        key = variable.removeprefix(PREFIX)
        if key == variable or key in keys or key in OTHERS:
            continue
        ours = f"{key}_".startswith(tuple(f"{section}_".upper() for section in sections))
        if ours or difflib.get_close_matches(key, keys, 1, cutoff=ALIKE):
            hint = closest(variable, [PREFIX + key for key in keys])
            raise VariableError(f"${variable} replaces no value of the settings{hint}")
