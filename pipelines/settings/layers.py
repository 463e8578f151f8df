"""Settings in layers: defaults, the target's file, the stage's, one's own, the environment.

Each layer replaces values of the one before: the defaults of the sections, `local.yaml` or
`aws.yaml` beside this file, on AWS the stage's file in `stages/`, the file given to `--target`, and
`PIPELINE_SECTION_KEY` variables. A key that does not exist, or a value that is not allowed, is a
`SettingsError` that names the layer, the key and what is allowed.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from pipelines.errors import UserError, closest
from pipelines.settings import fields, names
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FOLDER = Path(__file__).parent
PREFIX = "PIPELINE_"
OTHER_VARIABLES = ("TARGET", "DEBUG")  # of the command line; they set no value
SIMILAR = 0.8  # of 1: from here on, a variable counts as a misspelt one of ours
FIELDS = dict(fields.leaves(Settings))
# What chooses the layers, so the stage's own file cannot set it.
CHOOSING = ("target", "stage")
STAGE_FILES: dict[str, str] = {stage: f"stages/{stage}.yaml" for stage in names.STAGES}
# Old names of settings.
RENAMED = {"quality.books_wrong": "quality.record_error_rate"}


class SettingsError(UserError):
    """A settings file, or a variable that replaces a value, cannot be used."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice; YAML would silently use the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is given twice", key.start_mark
                )
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def load(target: str, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a target.

    Args:
        target: `local`, `aws`, or the path of a settings file that builds on one of them.
        environment: Where to look up `PIPELINE_*` variables; by default the process's environment.

    Raises:
        SettingsError: The target is unknown, or a layer cannot be used.
    """
    return load_with_sources(target, environment)[0]


def load_with_sources(
    target: str, environment: Mapping[str, str] | None = None
) -> tuple[Settings, dict[str, str]]:
    """Read the settings of a target, and where each value comes from.

    Returns:
        The settings, and for each key that a layer sets the layer's name: a file or `$VARIABLE`.

    Raises:
        SettingsError: The target is unknown, or a layer cannot be used.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problems = []
    for source, layer in _read_layers(target, environment):
        for key, value in layer.items():
            if source in STAGE_FILES.values() and key in CHOOSING:
                problems.append(f"  {key} in {source}: {key} chooses this file; it cannot set it.")
            elif key in FIELDS:
                values[key], sources[key] = value, source
            else:
                problems.append(f"  {key} in {source}: {_explain_key(key)}")
    if not problems:
        try:
            return Settings.model_validate(_nested(values)), sources
        except ValidationError as error:
            problems = [_explain_value(problem, sources) for problem in error.errors()]
    raise SettingsError("\n".join([f"The settings of {target} cannot be used:", *problems]))


def targets() -> list[str]:
    """The targets that have a settings file."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def variable(key: str) -> str:
    """The environment variable that replaces a setting."""
    return PREFIX + key.replace(".", "_").upper()


def _read_layers(target: str, environment: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """The name of each layer and its values by dotted key, in the order in which they replace."""
    base, *own = _read_files(target)
    own += _read_variables(environment)
    return [base, *_read_stage([base, *own]), *own]


def _read_stage(layers: Iterable[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """The file of the stage that the other layers choose; none on this machine.

    There a stage has names of its own and nothing else: the local values are small already.
    """
    chosen = {key: value for _, layer in layers for key, value in layer.items()}
    stage = chosen.get("stage", FIELDS["stage"].default)
    if chosen.get("target") != "aws" or stage not in names.STAGES:
        return []
    return [(STAGE_FILES[stage], _read_file(FOLDER / STAGE_FILES[stage]))]


def _read_files(target: str) -> list[tuple[str, dict[str, Any]]]:
    """The name of each settings file and its values by dotted key, the built-in file first."""
    if target.endswith((".yaml", ".yml")):
        own = _read_file(Path(target))
        base = own.get("target") if own.get("target") in targets() else "local"
        return [*_read_files(str(base)), (target, own)]
    if target not in targets():
        raise SettingsError(
            f"There is no target {target!r}{closest(target, targets())} "
            f"Targets: {', '.join(targets())}, or the path of a .yaml file."
        )
    return [(f"{target}.yaml", _read_file(FOLDER / f"{target}.yaml"))]


def _read_file(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise SettingsError(f"There is no settings file {file}.")
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not a text file in UTF-8.") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{file} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{file} must have keys and values, such as `target: local`.")
    return dict(_flat(values))


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        section = nested
        for part in sections:
            section = section.setdefault(part, {})
        section[name] = value
    return nested


def _read_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of each `PIPELINE_*` variable and its value by dotted key.

    Raises:
        SettingsError: A variable is misspelt. Variables of other programs are ignored.
    """
    keys = {variable(key): key for key in FIELDS if key != "target"}
    renamed = {variable(old): variable(new) for old, new in RENAMED.items()}
    sections = tuple({f"{variable(key.split('.')[0])}_" for key in FIELDS if "." in key})
    names = [variable.removeprefix(PREFIX) for variable in keys]
    for name in sorted(name for name in environment if name.startswith(PREFIX)):
        if name in keys:
            yield f"${name}", {keys[name]: _parse(FIELDS[keys[name]], environment[name])}
        elif name.removeprefix(PREFIX) in OTHER_VARIABLES:
            continue
        elif name in renamed:
            raise SettingsError(f"${name} is now called ${renamed[name]}.")
        elif f"{name}_".startswith(sections) or difflib.get_close_matches(
            name.removeprefix(PREFIX), names, 1, SIMILAR
        ):
            raise SettingsError(f"${name} replaces no setting{closest(name, keys)}")


def _parse(field: FieldInfo, text: str) -> Any:
    """The value of a variable: YAML, except that a text such as 8:1:1 or an account stays text."""
    # A list of texts is YAML's list, as in a file.
    listed = get_origin(field.annotation) is tuple
    kinds = () if listed else (field.annotation, *get_args(field.annotation))
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if str in kinds and not isinstance(value, str) and (value is not None or NoneType not in kinds):
        return text
    return value


def _explain_key(key: str) -> str:
    """Why a key is not a setting."""
    if key in RENAMED:
        return f"is now called {RENAMED[key]}."
    if inner := _names_below(f"{key}."):
        return f"is a section with the keys {inner}."
    section, dot, _ = key.rpartition(".")
    siblings = _names_below(section + dot)
    allowed = f" Allowed in {section or 'the file'}: {siblings}." if siblings else ""
    return f"there is no such setting{closest(key, FIELDS)}{allowed}"


def _names_below(section: str) -> str:
    names = [key.removeprefix(section).split(".")[0] for key in FIELDS if key.startswith(section)]
    return ", ".join(dict.fromkeys(names))


def _explain_value(problem: "ErrorDetails", sources: Mapping[str, str]) -> str:
    """Why a value is not allowed, and what is."""
    key = ".".join(part for part in problem["loc"] if isinstance(part, str))
    layers = [source for name, source in sources.items() if f"{name}.".startswith(f"{key}.")]
    ours = [*(f"{target}.yaml" for target in targets()), *STAGE_FILES.values()]
    own = [source for source in layers if source not in ours]
    message = problem["msg"].removeprefix("Value error, ")
    # A ValueError tells what depends on other settings.
    if (field := FIELDS.get(key)) and problem["type"] != "value_error":
        limit, value = fields.allowed(field), problem["input"]
        hint = limit.hint(value) if isinstance(value, str) else "."
        message = f"{value!r} is not allowed. Allowed: {limit.words}{hint} ({field.description})"
    return f"  {key} in {(own or layers)[-1]}: {message}"
