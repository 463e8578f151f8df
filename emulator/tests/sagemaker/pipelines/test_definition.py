"""Definitions: parsed, and refused when wrong, with a message that names the step and the key."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import botocore.session
import pytest

from sagemaker_emulator.sagemaker.pipelines.language import graph, validation
from sagemaker_emulator.sagemaker.pipelines.language.definition import parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.parameters import bind


@cache
def service() -> Any:
    return botocore.session.get_session().get_service_model("sagemaker")


def processing(name: str, **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 1,
                }
            },
            "AppSpecification": {"ImageUri": "image"},
            "RoleArn": "arn:aws:iam::123456789012:role/pipeline",
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "S3Output": {
                            "S3Uri": "s3://bucket/out",
                            "LocalPath": "/opt/ml/processing/out",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        },
        "PropertyFiles": [
            {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}
        ],
        **more,
    }


def fail(name: str, message: Any = "no", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}


def document(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> str:
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": steps})


BASE = [
    processing("Prepare"),
    {
        "Name": "Check",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {
                    "Type": "GreaterThan",
                    "LeftValue": {
                        "Std:JsonGet": {
                            "PropertyFile": {"Get": "Steps.Prepare.PropertyFiles.Report"},
                            "Path": "accuracy.value",
                        }
                    },
                    "RightValue": {"Get": "Parameters.Threshold"},
                }
            ],
            "IfSteps": [
                {
                    "Name": "Deploy",
                    "Type": "Lambda",
                    "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:deploy",
                    "Arguments": {
                        "uri": {
                            "Get": "Steps.Prepare.ProcessingOutputConfig"
                            ".Outputs['out'].S3Output.S3Uri"
                        }
                    },
                    "OutputParameters": [{"OutputName": "status", "OutputType": "String"}],
                }
            ],
            "ElseSteps": [fail("TooLow")],
        },
    },
]
PARAMETERS = [{"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5}]


def test_a_valid_definition_passes_and_references_imply_dependencies() -> None:
    definition = parse(document(*BASE, parameters=PARAMETERS))
    validation.validate(definition, service().operation_model)
    waits = graph.parents(definition)
    assert waits == {
        "Prepare": set(),
        "Check": {"Prepare"},
        "Deploy": {"Check", "Prepare"},
        "TooLow": {"Check"},
    }
    assert definition.steps["TooLow"].branch == "ElseSteps"
    assert graph.order(waits)[0] == "Prepare"


def _changed(path: list[Any], value: Any) -> str:
    steps: Any = copy.deepcopy(BASE)
    node = steps
    for key in path[:-1]:
        node = node[key]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return document(*steps, parameters=PARAMETERS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "Unable to parse pipeline definition", id="not JSON"),
        pytest.param("[]", "expecting a JSON object", id="not an object"),
        pytest.param('{"Version": "1"}', "use '2020-12-01'", id="version"),
        pytest.param(document(), "at least one entry in Steps", id="no steps"),
        pytest.param(document(fail("A"), fail("A")), "'A' is used twice", id="duplicate step name"),
        pytest.param(document(fail("a b")), "Step name 'a b'", id="step name"),
        pytest.param(
            document(fail("A"), parameters=[{"Name": "P", "Type": "Date"}]),
            "Type of parameter 'P' is 'Date': allowed are String, Integer, Float, Boolean",
            id="parameter type",
        ),
        pytest.param(
            document(fail("A"), parameters=[{"Name": "P", "Type": "Integer", "DefaultValue": "x"}]),
            "DefaultValue of parameter 'P' is 'x'",
            id="parameter default",
        ),
        pytest.param(
            document(fail("A", DependsOn=["B"])), "names 'B', which is no step", id="depends on"
        ),
        pytest.param(
            document(fail("A", DependsOn=["B"]), fail("B", DependsOn=["A"])),
            "A -> B -> A",
            id="cycle",
        ),
        pytest.param(
            document({"Name": "Q", "Type": "QualityCheck"}),
            "Step 'Q' is of Type 'QualityCheck', which this emulator does not run",
            id="unsupported type",
        ),
        pytest.param(
            document({"Name": "Q", "Type": "ClarifyCheck", "CheckType": "DATA_BIAS"}),
            "Compute it in a Processing step, and judge its report in a Condition step",
            id="check",
        ),
        pytest.param(
            document(fail("A", DependOn=["B"])),
            "Unknown member 'DependOn' in step 'A': allowed are Name, Type",
            id="member of a step",
        ),
        pytest.param(
            '{"Version": "2020-12-01", "Parameter": []}',
            "Unknown member 'Parameter': allowed are Version, Metadata, Parameters",
            id="member of the definition",
        ),
        pytest.param(
            '{"Version": "2020-12-01", "MlflowConfig": {"MlflowExperimentName": "mine"}}',
            "set the variable MLFLOW_EXPERIMENT_NAME in a step's Environment",
            id="MLflow",
        ),
        pytest.param(
            _changed([0, "Arguments", "AppSpecification", "ImageUri"], {"Get": "Parameters.Nope"}),
            "step 'Prepare', AppSpecification.ImageUri: 'Parameters.Nope' refers to no declared "
            "parameter. Parameters: Threshold",
            id="unknown parameter",
        ),
        pytest.param(
            _changed([0, "Arguments", "AppSpecification", "ImageUri"], {"Get": "Execution.Nope"}),
            "refers to no execution variable",
            id="unknown execution variable",
        ),
        pytest.param(
            _changed([0, "Arguments", "AppSpecification", "ImageUri"], {"Get": "Steps.Nope.X"}),
            "refers to no step of this pipeline",
            id="unknown step",
        ),
        pytest.param(
            _changed([0, "Arguments", "AppSpecification", "ImageUri"], {"Get": "Nope"}),
            "Invalid reference 'Nope'",
            id="malformed reference",
        ),
        pytest.param(
            _changed(
                [1, "Arguments", "IfSteps", 0, "Arguments", "uri"], {"Get": "Steps.Prepare.Output"}
            ),
            "has no 'Output'",
            id="unknown property",
        ),
        pytest.param(
            _changed(
                [1, "Arguments", "IfSteps", 0, "Arguments", "uri"],
                {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['x'].S3Output.S3Uri"},
            ),
            "refers to no output of step 'Prepare'. Outputs: out",
            id="unknown output",
        ),
        pytest.param(
            _changed([0, "PropertyFiles"], None),
            "refers to no property file of step 'Prepare'",
            id="unknown property file",
        ),
        pytest.param(
            _changed([1, "Arguments", "Conditions", 0, "Type"], "Between"),
            "Condition Type 'Between' of step 'Check', Conditions[0] is unknown",
            id="condition type",
        ),
        pytest.param(
            _changed([1, "Arguments", "Conditions", 0, "RightValue"], None),
            "lacks RightValue",
            id="condition key",
        ),
        pytest.param(
            _changed([0, "Arguments", "AppSpecification", "Image"], "x"),
            "Unknown Argument member 'Image' in Arguments.AppSpecification of step 'Prepare'",
            id="unknown argument",
        ),
        pytest.param(
            _changed([0, "Arguments", "AppSpecification"], None),
            "Step 'Prepare' of Type Processing lacks Arguments.AppSpecification",
            id="missing argument",
        ),
        pytest.param(
            _changed([0, "Arguments", "ProcessingInputs"], {"a": 1}),
            "Arguments.ProcessingInputs of step 'Prepare' must be a JSON array",
            id="object for a list",
        ),
        pytest.param(
            _changed([0, "CacheConfig"], {"Enabled": True, "ExpireAfter": "soon"}),
            "CacheConfig.ExpireAfter of step 'Prepare': 'soon'",
            id="cache duration",
        ),
        pytest.param(
            _changed([0, "RetryPolicies"], [{"ExceptionType": ["Step.OOPS"]}]),
            "RetryPolicies.ExceptionType of step 'Prepare'",
            id="retry exception",
        ),
        pytest.param(
            _changed(
                [0, "RetryPolicies"],
                [{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 50}],
            ),
            "RetryPolicies.MaxAttempts of step 'Prepare' is 50: allowed are 1 to 20",
            id="retry attempts",
        ),
        pytest.param(
            _changed([1, "Arguments", "IfSteps", 0, "FunctionArn"], None),
            "Step 'Deploy' of Type Lambda needs FunctionArn",
            id="lambda without function",
        ),
    ],
)
def test_a_wrong_definition_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        validation.validate(parse(text), service().operation_model)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("given", "message"),
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
def test_wrong_parameters_are_refused_by_name(given: dict[str, str], message: str) -> None:
    definition = parse(
        document(
            fail("A"),
            parameters=[
                {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
                {"Name": "Rate", "Type": "Float", "DefaultValue": 1},
                {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
                {"Name": "Kind", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
                {"Name": "Name", "Type": "String"},
            ],
        )
    )
    with pytest.raises(DefinitionError) as raised:
        bind(definition.parameters, [{"Name": k, "Value": v} for k, v in given.items()])
    assert message in str(raised.value)
    values = bind(
        definition.parameters, [{"Name": "Name", "Value": "x"}, {"Name": "Flag", "Value": "true"}]
    )
    assert values == {"Count": 3, "Rate": 1.0, "Flag": True, "Kind": "a", "Name": "x"}
    assert isinstance(values["Rate"], float)
