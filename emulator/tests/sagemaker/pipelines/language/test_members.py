"""Every object of a definition is closed: what it does not have is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_steps import condition, definition, fail, get, join, json_get, lambda_step, processing

from sagemaker_emulator.sagemaker.pipelines.language.definition import parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.validation import validate

Json = dict[str, Any]
PARAMETERS: list[Json] = [
    {"Name": "Flag", "Type": "Boolean", "DefaultValue": True},
    {"Name": "Kind", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 1, "Description": "of learning"},
]
EQUAL = {"Type": "Equals", "LeftValue": get("Parameters.Flag"), "RightValue": True}
FILE = {"PropertyFileName": "R", "OutputName": "out", "FilePath": "a.json"}
POLICY = {"ExceptionType": ["Step.SERVICE_FAULT"], "MaxAttempts": 2}


def refusal(*steps: Json, parameters: list[Json] = PARAMETERS) -> str:
    with pytest.raises(DefinitionError) as raised:
        validate(parse(definition(*steps, parameters=parameters)))
    return str(raised.value)


def test_right_definition_is_accepted() -> None:
    step = processing("P", CacheConfig={"Enabled": True, "ExpireAfter": "P1D"})
    step["RetryPolicies"] = [POLICY, {"ExceptionType": "Step.THROTTLING", "ExpireAfterMin": 5}]
    either: Json = {"Type": "Or", "Conditions": [{"Type": "Not", "Condition": EQUAL}, EQUAL]}
    within = {
        "Type": "In",
        "QueryValue": get("Parameters.Kind"),
        "Values": ["a", json_get("P", "x")],
    }
    function = lambda_step("L", "f", {"any": {"Get": "of mine", "Other": [1]}}, ["a"])
    function["CacheConfig"] = {"Enabled": False}
    checks = condition("C", [either, within], [function], [fail("F", join("a", 1, on="-"))])
    validate(parse(definition(step, checks, parameters=PARAMETERS)))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        pytest.param(
            processing("P", Depends_On=["A"]),
            "Unknown member 'Depends_On' in step 'P'.* Did you mean 'DependsOn'",
            id="step",
        ),
        pytest.param(
            processing("P", CacheConfig={"Enabled": True, "ExpiresAfter": "P1D"}),
            "'ExpiresAfter' in CacheConfig of step 'P'.* Did you mean 'ExpireAfter'",
            id="cache",
        ),
        pytest.param(
            processing("P", RetryPolicies=[{**POLICY, "MaxAttempt": 1}]),
            "'MaxAttempt' in RetryPolicies of step 'P'.* Did you mean 'MaxAttempts'",
            id="retry policy",
        ),
        pytest.param(
            processing("P", RetryPolicies=[{**POLICY, "MaxAttempts": 1.5}]),
            "MaxAttempts of step 'P' is 1.5: use an integer",
            id="half an attempt",
        ),
        pytest.param(
            processing("P", OutputParameters=[{"OutputName": "a"}]),
            "'OutputParameters' in step 'P'",
            id="member of another type of step",
        ),
        pytest.param(
            fail("F", CacheConfig={"Enabled": True}), "'CacheConfig' in step 'F'", id="cached Fail"
        ),
        pytest.param(
            lambda_step("L", "f", {})
            | {"OutputParameters": [{"OutputName": "a", "OutputTyp": "s"}]},
            "'OutputTyp' in OutputParameters of step 'L'.* Did you mean 'OutputType'",
            id="output",
        ),
        pytest.param(
            lambda_step("L", "f", {})
            | {"OutputParameters": [{"OutputName": "a", "OutputType": "Text"}]},
            "OutputType of 'a' of step 'L' is 'Text': allowed are String, Integer, Boolean, Float",
            id="type of an output",
        ),
        pytest.param(
            lambda_step("L", "f", {}, ["a", "a"]), "step 'L' has 'a' twice", id="output twice"
        ),
        pytest.param(
            fail("F") | {"Arguments": {"Message": "b"}},
            "'Message' in Arguments of step 'F'.* Did you mean 'ErrorMessage'",
            id="Fail",
        ),
        pytest.param(
            condition("C", [EQUAL]) | {"Arguments": {"Conditions": [EQUAL], "IfStep": []}},
            "'IfStep' in Arguments of step 'C'.* Did you mean 'IfSteps'",
            id="Condition",
        ),
    ],
)
def test_unknown_member_of_a_step_is_refused(step: Json, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        validate(parse(definition(step, parameters=PARAMETERS)))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([{**FILE, "Path": "b"}], "'Path' in PropertyFiles of step 'P'.* mean 'FilePath'"),
        ([FILE, {**FILE, "FilePath": "b.json"}], "PropertyFiles of step 'P' has 'R' twice"),
    ],
)
def test_wrong_property_files_are_refused(files: list[Json], message: str) -> None:
    step = processing("P") | {"PropertyFiles": files}
    with pytest.raises(DefinitionError, match=message):
        validate(parse(definition(step, parameters=PARAMETERS)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        # AWS refuses it, too: sagemaker-python-sdk #2746.
        ({"Type": "Not", "Expression": EQUAL}, "'Expression' in condition Not of step 'C'"),
        ({**EQUAL, "Nonsense": 1}, "'Nonsense' in condition Equals of step 'C'"),
        ({"Type": "In", "QueryValue": 1, "Values": "abc"}, "Values of condition In .* a list"),
        ({"Type": "In", "QueryValue": 1, "Values": []}, "Values of condition In .* a list"),
        ({"Type": "Or", "Conditions": EQUAL}, "Conditions of condition Or .* a list"),
        ({"Type": "Not", "Condition": {**EQUAL, "Typ": 1}}, "'Typ' .* Did you mean 'Type'"),
        ({**EQUAL, "RightValue": [1]}, "RightValue of condition Equals .* must be a text"),
        ({**EQUAL, "RightValue": None}, "RightValue of condition Equals .* must be a text"),
        ({**EQUAL, "Type": "Equal"}, "Type 'Equal' .* is unknown.* Did you mean 'Equals'"),
        ({**EQUAL, "Type": ["Equals"]}, "is unknown"),
        ({**EQUAL, "RightValue": {"Gett": "Parameters.Flag"}}, "must be a text"),
    ],
)
def test_wrong_condition_is_refused(wrong: Json, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        validate(parse(definition(condition("C", [wrong]), parameters=PARAMETERS)))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"Std:Join": {"On": "", "Values": ["a"], "Value": ["b"]}}, "'Value' in Std:Join"),
        ({"Std:Join": {"Values": [{"a": 1}]}}, "single values or expressions"),
        ({"Std:Jion": {"Values": ["a"]}}, "has Std:Jion. Did you mean 'Std:Join'"),
        ({"Get": "Parameters.Kind", "Default": "b"}, "one member.* this one has Get, Default"),
        ({"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "a", "Pat": "b"}}, "'Pat' .* mean 'Path'"),
        (
            {
                "Std:JsonGet": {
                    "PropertyFile": {"Get": "Steps.P.PropertyFiles.R", "Pth": 1},
                    "Path": "a",
                }
            },
            "'Pth' in PropertyFile of Std:JsonGet",
        ),
    ],
)
def test_wrong_expression_is_refused(expression: Json, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        step = lambda_step("L", "f", {"a": {"b": [expression]}})
        validate(parse(definition(step, parameters=PARAMETERS)))


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"Type": "String", "DefaultValue": "x", "Default": "y"}, "'Default' in parameter 'S'"),
        ({"Type": "String", "DefaultValue": "x", "Name": "bad name!"}, "name 'bad name!'"),
        ({"Type": "Integer", "DefaultValue": 3.7}, "DefaultValue of parameter 'S' is 3.7"),
        ({"Type": "Integer", "DefaultValue": "3"}, "is '3', which is not of its type Integer"),
        ({"Type": "Integer", "DefaultValue": True}, "is True, which is not of its type Integer"),
        ({"Type": "Integer", "DefaultValue": 2**63}, "which is not of its type Integer"),
        (
            {"Type": "Boolean", "DefaultValue": "true"},
            "is 'true', which is not of its type Boolean",
        ),
        ({"Type": "String", "EnumValues": "ab"}, "EnumValues of parameter 'S' must be a list"),
        ({"Type": "String", "EnumValues": []}, "EnumValues of parameter 'S' must be a list"),
        ({"Type": "String", "EnumValues": [1]}, "EnumValues of parameter 'S' is 1"),
    ],
)
def test_wrong_parameter_is_refused(parameter: Json, message: str) -> None:
    assert message in refusal(fail("F"), parameters=[{"Name": "S", **parameter}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"Version": "2020-12-01", "Steps": [], "Steps": []}', "the member 'Steps' twice"),
        ('{"Version": "2020-12-01", "Metadata": {"a": NaN}}', "NaN is no number of JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"Version": ' + "[" * 150 + "]" * 150 + "}", "more than 100 levels deep"),
    ],
)
def test_text_that_is_no_definition_is_refused(text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        parse(text)


def test_experiment_is_closed() -> None:
    text = definition(fail("F")).replace(
        '"Parameters": []', '"PipelineExperimentConfig": {"Experiment": "a"}'
    )
    with pytest.raises(DefinitionError, match="Did you mean 'ExperimentName'"):
        validate(parse(text))
