"""The settings file of a target, read and checked.

One YAML file for each target lies in `pipelines/settings/`. `load` answers a frozen value; a key
that is unknown, missing or of the wrong type is a `SettingsError` that names file and key.
Any single value can be replaced from the environment: `PIPELINE_TUNING_MAX_TRIALS=2`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipelines.errors import UserError, closest
from pipelines.settings import overrides
from pipelines.settings.model import Settings

FOLDER = Path(__file__).parent


class SettingsError(UserError):
    """A settings file, or a value that replaces one of its values, cannot be used."""


class _Loader(yaml.SafeLoader):
    """YAML lets the last of two equal keys win without a word; this refuses the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load(target: str, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a target.

    Args:
        target: `local`, `aws`, or the path of another settings file.
        environment: Where `PIPELINE_*` values are looked up; the process's own when left out.

    Raises:
        SettingsError: The target is unknown, or the file cannot be used.
        VariableError: A `PIPELINE_*` variable names no value.
    """
    file = _file(target)
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except UnicodeDecodeError:
        raise SettingsError(f"{_shown(file)} is not a text file in UTF-8.") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{_shown(file)} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{_shown(file)} must hold keys and values, as local.yaml does.")
    replaced = overrides.apply(values, os.environ if environment is None else environment)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [_explain(problem, replaced) for problem in error.errors()]
        raise SettingsError("\n".join([f"{_shown(file)} cannot be used:", *lines])) from None


def targets() -> list[str]:
    """The targets that have a settings file."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def _file(target: str) -> Path:
    if target.endswith((".yaml", ".yml")):
        if not Path(target).is_file():
            raise SettingsError(f"There is no settings file {target}.")
        return Path(target)
    if target not in targets():
        hint = closest(target, targets())
        raise SettingsError(
            f"There is no target {target!r}{hint} Targets: {', '.join(targets())} "
            f"(one file each in {_shown(FOLDER)}/), or the path of a .yaml file."
        )
    return FOLDER / f"{target}.yaml"


def _shown(file: Path) -> str:
    return os.path.relpath(file)


def _explain(problem: Any, replaced: Mapping[tuple[str, ...], str]) -> str:
    """One line for one of pydantic's errors: the key, what was found and what is allowed."""
    path = tuple(str(part) for part in problem["loc"])
    where = ".".join(path)
    variable = next((v for p, v in replaced.items() if path[: len(p)] == p), None)
    if variable:
        where = f"{where} (from ${variable})"
    if problem["type"] == "extra_forbidden":
        section: Any = Settings
        for part in path[:-1]:
            section = section.model_fields[part].annotation
        allowed = list(section.model_fields)
        return (
            f"  {where}: no such key{closest(path[-1], allowed)} "
            f"Allowed here: {', '.join(allowed)}."
        )
    if problem["type"] == "missing":
        return f"  {where}: is missing."
    message = problem["msg"].removeprefix("Value error, ").replace("Input should", "should")
    found = "" if problem["type"] == "value_error" else f", not {problem['input']!r}"
    return f"  {where}: {message}{found}."
