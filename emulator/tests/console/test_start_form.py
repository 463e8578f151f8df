"""The fields of the form that starts an execution."""

from typing import Any

from sagemaker_emulator.console.start_form import fields, pipeline_parameters, values_of
from sagemaker_emulator.sagemaker.pipelines.language.parameters import Parameter


def declared(**entry: Any) -> dict[str, Parameter]:
    return {"P": Parameter.parse({"Name": "P", "Type": "String"} | entry)}


def test_a_parameter_without_default_is_required() -> None:
    assert fields(declared())[0].required
    assert not fields(declared(DefaultValue="x"))[0].required


def test_a_field_holds_the_default_until_it_was_changed() -> None:
    parameters = declared(Type="Float", DefaultValue=0.5)
    assert fields(parameters)[0].value == "0.5"
    assert fields(parameters, {"P": "0.7"})[0].value == "0.7"


def test_allowed_values_are_choices() -> None:
    assert fields(declared(EnumValues=["a", "b"]))[0].choices == ("a", "b")
    assert fields(declared(Type="Boolean"))[0].choices == ("true", "false")


def test_only_what_differs_from_the_default_is_sent() -> None:
    parameters = declared(Type="Integer", DefaultValue=1)
    assert pipeline_parameters(parameters, values_of({"parameter.P": " 2 ", "name": "n"})) == [
        {"Name": "P", "Value": "2"}
    ]
    assert pipeline_parameters(parameters, {"P": "1"}) == []
    assert pipeline_parameters(parameters, {"P": ""}) == []
