from __future__ import annotations

import copy
from typing import Any

import pytest
from pipeline_steps import (
    condition,
    definition,
    fail,
    get,
    json_get,
    lambda_step,
    output_uri,
    processing,
)

from sagemaker_emulator.sagemaker.pipelines.language.definition import parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.validation import validate

ACCURATE = {
    "Type": "GreaterThan",
    "LeftValue": json_get("Prepare", "accuracy.value"),
    "RightValue": get("Parameters.Threshold"),
}
STEPS = [
    processing("Prepare"),
    condition(
        "Check",
        [ACCURATE],
        [lambda_step("Deploy", "deploy", {"uri": output_uri("Prepare")}, ["status"])],
        [fail("TooLow")],
    ),
]
PARAMETERS = [{"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5}]
IMAGE = [0, "Arguments", "AppSpecification", "ImageUri"]
DEPLOY = [1, "Arguments", "IfSteps", 0]


def check(*steps: dict[str, Any]) -> None:
    text = definition(*steps, parameters=PARAMETERS)
    validate(parse(text))


def changed(path: list[Any], value: Any) -> list[dict[str, Any]]:
    """STEPS with the value at a path replaced, or removed if the new one is None."""
    steps: Any = copy.deepcopy(STEPS)
    node = steps
    for key in path[:-1]:
        node = node[key]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return list(steps)


def test_valid_definition_is_accepted() -> None:
    check(*STEPS)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        pytest.param(
            [fail("A", DependsOn=["B"]), fail("B")], "A can not depends on B", id="after-Fail"
        ),
        pytest.param([fail("A", DependsOn=["B"])], "names 'B', which is no step", id="DependsOn"),
        pytest.param(
            [processing("A", DependsOn=["B"]), processing("B", DependsOn=["A"])],
            "A -> B -> A",
            id="cycle",
        ),
        pytest.param(
            [{"Name": "Q", "Type": "QualityCheck"}],
            "Step 'Q' is of Type 'QualityCheck', which this emulator does not run",
            id="step type",
        ),
        pytest.param(
            [{"Name": "Q", "Type": "ClarifyCheck", "CheckType": "DATA_BIAS"}],
            "Compute it in a Processing step, and judge its report in a Condition step",
            id="check step",
        ),
        pytest.param(
            [{"Name": "Q", "Type": "EMRServerless", "Arguments": {"ApplicationId": "a"}}],
            "Run the script in a Processing step whose image has pyspark",
            id="Spark step",
        ),
        pytest.param(
            [{"Name": "Q", "Type": "AutoML", "Arguments": {}}],
            "Search with a Tuning step over a training script",
            id="AutoML step",
        ),
        pytest.param(
            [{"Name": "Q", "Type": "Trainning", "Arguments": {}}],
            "Did you mean 'Training'?",
            id="misspelt step type",
        ),
        pytest.param(
            [fail("A", DependOn=["B"])],
            "Unknown member 'DependOn' in step 'A': allowed are Name, Type",
            id="member of a step",
        ),
        pytest.param(
            changed(IMAGE, get("Parameters.Nope")),
            "step 'Prepare', AppSpecification.ImageUri: 'Parameters.Nope' refers to no declared "
            "parameter. Parameters: Threshold",
            id="unknown parameter",
        ),
        pytest.param(
            changed(IMAGE, get("Nope")),
            "Invalid reference 'Nope'",
            id="malformed reference",
        ),
        pytest.param(
            changed([1, "Arguments", "Conditions", 0, "Type"], "Between"),
            "Condition Type 'Between' of step 'Check', Conditions[0] is unknown",
            id="condition type",
        ),
        pytest.param(
            changed([1, "Arguments", "Conditions", 0, "RightValue"], None),
            "lacks RightValue",
            id="condition key",
        ),
        pytest.param(
            changed([0, "Arguments", "AppSpecification", "Image"], "x"),
            "Unknown Argument member 'Image' in Arguments.AppSpecification of step 'Prepare'",
            id="unknown argument",
        ),
        pytest.param(
            changed(
                [0, "Arguments", "ProcessingResources", "ClusterConfig", "SelectedInstanceType"],
                "ml.m5.large",
            ),
            "Arguments of step 'Prepare': the emulator does not run CreateProcessingJob with "
            "ProcessingResources.ClusterConfig.SelectedInstanceType",
            id="argument that is not honoured",
        ),
        pytest.param(
            changed([0, "Arguments", "AppSpecification"], None),
            "Step 'Prepare' of Type Processing lacks Arguments.AppSpecification",
            id="missing argument",
        ),
        pytest.param(
            changed([0, "Arguments", "ProcessingInputs"], {"a": 1}),
            "Arguments.ProcessingInputs of step 'Prepare' must be a JSON array",
            id="object for a list",
        ),
        pytest.param(
            changed([*DEPLOY, "FunctionArn"], None),
            "Step 'Deploy' of Type Lambda needs FunctionArn",
            id="lambda without function",
        ),
    ],
)
def test_wrong_definition_is_refused_by_name(steps: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        check(*steps)
    assert message in str(raised.value)
