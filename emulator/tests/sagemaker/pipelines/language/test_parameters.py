from __future__ import annotations

import pytest

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.parameters import (
    Parameter,
    ParameterValue,
    bind,
)

PARAMETERS = [
    Parameter.parse(entry)
    for entry in (
        {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
        {"Name": "Rate", "Type": "Float", "DefaultValue": 1},
        {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
        {"Name": "Kind", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
        {"Name": "Name", "Type": "String"},
    )
]
DECLARED = {parameter.name: parameter for parameter in PARAMETERS}


def values(**requested: str) -> dict[str, ParameterValue]:
    return bind(DECLARED, [{"Name": name, "Value": value} for name, value in requested.items()])


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        pytest.param({"Nope": "1"}, "Unknown pipeline parameter 'Nope'", id="unknown"),
        pytest.param({"Count": "many", "Name": "n"}, "'Count' is 'many'", id="integer"),
        pytest.param({"Count": "1.5", "Name": "n"}, "'Count' is '1.5'", id="fraction"),
        pytest.param({"Rate": "x", "Name": "n"}, "not of its type Float", id="float"),
        pytest.param({"Flag": "perhaps", "Name": "n"}, "not of its type Boolean", id="boolean"),
        pytest.param({"Kind": "c", "Name": "n"}, "allowed values are a, b", id="enum"),
        pytest.param({}, "No value for pipeline parameter 'Name'", id="missing"),
        pytest.param({"Name": ""}, "'Name' is empty", id="empty"),
    ],
)
def test_wrong_value_is_refused_by_name(requested: dict[str, str], message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        values(**requested)
    assert message in str(raised.value)


@pytest.mark.parametrize("value", ["1_000", " 5 ", "\u0663", "9" * 20, "1e3", "0x5"])
def test_integer_is_read_by_the_contract(value: str) -> None:
    with pytest.raises(DefinitionError, match="not of its type Integer"):
        values(Count=value, Name="n")


@pytest.mark.parametrize("value", ["nan", "Infinity", "1_0", "1e400"])
def test_float_is_finite(value: str) -> None:
    with pytest.raises(DefinitionError, match="not of its type Float"):
        values(Rate=value, Name="n")


def test_boolean_is_taken_as_the_sdk_sends_it() -> None:
    assert values(Flag="True", Name="n")["Flag"] is True


def test_parameter_given_twice_is_refused() -> None:
    with pytest.raises(DefinitionError, match="'Count' is given twice"):
        bind(DECLARED, [{"Name": "Count", "Value": "1"}] * 2)


def test_values_have_their_types_and_defaults_fill_the_rest() -> None:
    bound = values(Name="x", Flag="true")
    assert bound == {"Count": 3, "Rate": 1.0, "Flag": True, "Kind": "a", "Name": "x"}
    assert isinstance(bound["Rate"], float)
