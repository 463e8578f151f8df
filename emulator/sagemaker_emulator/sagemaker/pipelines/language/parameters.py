"""The parameters of a pipeline, and the values given to them when it is started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError

TYPES = ("String", "Integer", "Float", "Boolean")
Value = str | int | float | bool


@dataclass(frozen=True)
class Parameter:
    """A declared parameter; `enum` lists the only values allowed, if not empty."""

    name: str
    type: str
    default: Value | None = None
    enum: tuple[Value, ...] = ()

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Parameter:
        """Read one entry of the definition's Parameters.

        Raises:
            DefinitionError: if the name or type is missing, or the default does not fit the type.
        """
        name, kind = entry.get("Name"), entry.get("Type")
        if not isinstance(name, str) or not name:
            raise DefinitionError("Each of Parameters needs a Name.")
        if kind not in TYPES:
            raise DefinitionError(
                f"Type of parameter '{name}' is {kind!r}: allowed are {', '.join(TYPES)}."
            )
        enum = tuple(entry.get("EnumValues") or ())
        default = entry.get("DefaultValue")
        parameter = cls(name, kind, None, enum)
        if default is not None:
            default = parameter.convert(default, "DefaultValue of parameter")
        return cls(name, kind, default, enum)

    def convert(self, given: Any, what: str = "Value of parameter") -> Value:
        """`given` (a string, or already of the type) as a value of this parameter's type.

        Raises:
            DefinitionError: if it is of another type, or not among the enum's values.
        """
        value = _convert(given, self.type)
        if value is None:
            raise DefinitionError(
                f"{what} '{self.name}' is {given!r}, which is not of its type {self.type}."
            )
        if self.enum and value not in self.enum:
            allowed = ", ".join(str(item) for item in self.enum)
            raise DefinitionError(
                f"{what} '{self.name}' is {given!r}: allowed values are {allowed}."
            )
        return value


def _convert(given: Any, kind: str) -> Value | None:
    if kind == "String":
        return given if isinstance(given, str) else None
    if kind == "Boolean":
        if isinstance(given, bool):
            return given
        return {"true": True, "false": False}.get(str(given).lower())
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    try:
        return int(given) if kind == "Integer" and not isinstance(given, float) else float(given)
    except ValueError:
        return None


def bind(declared: Mapping[str, Parameter], given: Iterable[Mapping[str, str]]) -> dict[str, Value]:
    """The value of every declared parameter, from a start request's PipelineParameters.

    Raises:
        DefinitionError: for an unknown name, a name given twice, an empty value or one of the wrong
            type, or a parameter with neither value nor default.
    """
    allowed = ", ".join(f"{p.name} ({p.type})" for p in declared.values()) or "none"
    values: dict[str, Value] = {}
    for entry in given:
        name = entry["Name"]
        if name not in declared:
            raise DefinitionError(
                f"Unknown pipeline parameter '{name}'. Parameters of this pipeline: {allowed}."
            )
        if name in values:
            raise DefinitionError(f"Pipeline parameter '{name}' is given twice.")
        if entry["Value"] == "":
            raise DefinitionError(
                f"Value of pipeline parameter '{name}' is empty: SageMaker wants a character at "
                "least. Leave it out to have its default."
            )
        values[name] = declared[name].convert(entry["Value"])
    missing = [name for name, p in declared.items() if name not in values and p.default is None]
    if missing:
        raise DefinitionError(
            f"No value for pipeline parameter {', '.join(repr(name) for name in missing)}, which "
            f"has no default. Parameters of this pipeline: {allowed}."
        )
    defaults = {name: p.default for name, p in declared.items() if p.default is not None}
    return {name: values.get(name, defaults.get(name)) for name in declared}  # type: ignore[misc]
