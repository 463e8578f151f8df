"""The parameters of a pipeline, and their values in an execution."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.numerals import LEAST, MOST, integer, is_finite, number
from sagemaker_emulator.sagemaker.pipelines.language import members
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

TYPES = ("String", "Integer", "Float", "Boolean")
# The JSON type of a default, by the published schema of definitions.
_DEFAULTS: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
ParameterValue = str | int | float | bool


@dataclass(frozen=True)
class Parameter:
    """A declared parameter; `enum` lists the only values allowed, if not empty."""

    name: str
    type: str
    default: ParameterValue | None = None
    enum: tuple[ParameterValue, ...] = ()

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Parameter:
        """Read one entry of the definition's Parameters.

        Raises:
            DefinitionError: if the name or type is missing, or the default does not fit the type.
        """
        name, type_ = entry.get("Name"), entry.get("Type")
        if not isinstance(name, str) or not name:
            raise DefinitionError("Each of Parameters needs a Name.")
        if type_ not in TYPES:
            raise DefinitionError(
                f"Type of parameter '{name}' is {type_!r}: allowed are {', '.join(TYPES)}."
            )
        enum = entry.get("EnumValues") or []
        if not isinstance(enum, list):
            raise DefinitionError(f"EnumValues of parameter '{name}' must be a list.")
        default = entry.get("DefaultValue")
        if default is not None:
            default = cls(name, type_, None, tuple(enum)).convert(
                default, "DefaultValue of parameter"
            )
        return cls(name, type_, default, tuple(enum))

    def convert(self, value: Any, label: str = "Value of parameter") -> ParameterValue:
        """Convert a value (a string, or already of the type) to this parameter's type.

        Raises:
            DefinitionError: if it is of another type, or not among the enum's values; the message
                calls it `label`.
        """
        converted = _convert(value, self.type)
        if converted is None:
            raise DefinitionError(
                f"{label} '{self.name}' is {value!r}, which is not of its type {self.type}."
            )
        if self.enum and converted not in self.enum:
            allowed = ", ".join(str(item) for item in self.enum)
            raise DefinitionError(
                f"{label} '{self.name}' is {value!r}: allowed values are {allowed}."
            )
        return converted


def check(entry: Mapping[str, Any]) -> None:
    """Check the form of one entry of the definition's Parameters, which `Parameter.parse` reads.

    Raises:
        DefinitionError: for an unknown member, a name that is not allowed, or a default or value of
            EnumValues that is not of the parameter's type.
    """
    name, type_ = str(entry["Name"]), str(entry["Type"])
    members.check_members(entry, members.PARAMETER, f"parameter '{name}'")
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"Parameter name {name!r} is not allowed: use 1 to 64 letters, digits, '-' and '_'."
        )
    enum = entry.get("EnumValues", [])
    if not isinstance(enum, list) or ("EnumValues" in entry and not enum):
        raise DefinitionError(f"EnumValues of parameter '{name}' must be a list with an entry.")
    defaults = [entry["DefaultValue"]] if entry.get("DefaultValue") is not None else []
    for member, values in (("DefaultValue", defaults), ("EnumValues", enum)):
        for value in values:
            of_type = isinstance(value, _DEFAULTS[type_])
            if not of_type or (isinstance(value, bool) and type_ != "Boolean"):
                raise DefinitionError(
                    f"{member} of parameter '{name}' is {value!r}, which is not of its type "
                    f"{type_}."
                )


def _convert(value: Any, type_: str) -> ParameterValue | None:
    if type_ == "String":
        return value if isinstance(value, str) else None
    if type_ == "Boolean":
        # The SDK sends a value as Python shows it: True.
        return {"true": True, "false": False}.get(str(value).lower())
    if isinstance(value, str):
        return integer(value) if type_ == "Integer" else number(value)
    if not is_finite(value):
        return None
    if type_ == "Float":
        return float(value)
    return int(value) if value == int(value) and LEAST <= value <= MOST else None


def bind(
    declared: Mapping[str, Parameter], requested: Iterable[types.ParameterTypeDef]
) -> dict[str, ParameterValue]:
    """Return the value of every declared parameter in an execution.

    Args:
        declared: the pipeline's parameters.
        requested: PipelineParameters of the StartPipelineExecution request.

    Raises:
        DefinitionError: for an unknown name, a repeated name, an empty value or one of the wrong
            type, or a parameter with neither value nor default.
    """
    allowed = ", ".join(f"{p.name} ({p.type})" for p in declared.values()) or "none"
    values: dict[str, ParameterValue] = {}
    for entry in requested:
        name = entry["Name"]
        if name not in declared:
            raise DefinitionError(
                f"Unknown pipeline parameter '{name}'. Parameters of this pipeline: {allowed}."
            )
        if name in values:
            raise DefinitionError(f"Pipeline parameter '{name}' is given twice.")
        if entry["Value"] == "":
            raise DefinitionError(
                f"Value of pipeline parameter '{name}' is empty: SageMaker requires at least one "
                "character. Leave the parameter out to use its default."
            )
        values[name] = declared[name].convert(entry["Value"])
    values = {name: p.default for name, p in declared.items() if p.default is not None} | values
    missing = [repr(name) for name in declared if name not in values]
    if missing:
        raise DefinitionError(
            f"No value for pipeline parameter {', '.join(missing)}, which has no default. "
            f"Parameters of this pipeline: {allowed}."
        )
    return {name: values[name] for name in declared}
