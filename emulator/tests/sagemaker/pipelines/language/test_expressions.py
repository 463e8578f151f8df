from __future__ import annotations

from typing import Any

import pytest

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import Scope, evaluate

SCOPE = Scope(
    parameters={"Threshold": 0.5, "Count": 3, "Flag": True, "Name": "tally"},
    execution={"PipelineExecutionId": "abcdefghijkl"},
    properties={
        "Prepare": {
            "ProcessingOutputConfig": {
                "Outputs": [
                    {"OutputName": "test", "S3Output": {"S3Uri": "s3://b/test"}},
                    {"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train"}},
                ]
            }
        },
        "Tune": {"BestTrainingJob": {"TunedHyperParameters": {"batch-size": "32", "a.b": "x"}}},
    },
    property_files={("Evaluate", "Report"): "s3://b/evaluation.json"},
    read_json={
        "s3://b/evaluation.json": {"metrics": {"accuracy": {"value": 0.7}, "per.class": [1, 2]}}
    }.__getitem__,
)


def get(reference: str) -> dict[str, str]:
    return {"Get": reference}


def json_get(path: str) -> dict[str, Any]:
    file = get("Steps.Evaluate.PropertyFiles.Report")
    return {"Std:JsonGet": {"PropertyFile": file, "Path": path}}


def join(*values: Any, **on: str) -> dict[str, Any]:
    return {"Std:Join": {**on, "Values": list(values)}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param(get("Parameters.Count"), 3, id="parameter"),
        pytest.param(get("Execution.PipelineExecutionId"), "abcdefghijkl", id="variable"),
        pytest.param(
            get("Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"),
            "s3://b/train",
            id="output by name",
        ),
        pytest.param(
            get("Steps.Prepare.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri"),
            "s3://b/test",
            id="output by index",
        ),
        pytest.param(
            get("Steps.Tune.BestTrainingJob.TunedHyperParameters['batch-size']"),
            "32",
            id="key with a dash",
        ),
        pytest.param(
            get("Steps.Tune.BestTrainingJob.TunedHyperParameters['a.b']"), "x", id="key with a dot"
        ),
        pytest.param(
            join("s3:/", get("Parameters.Name"), get("Parameters.Count"), On="/"),
            "s3://tally/3",
            id="join",
        ),
        pytest.param(
            join(get("Parameters.Flag"), get("Parameters.Threshold")),
            "true0.5",
            id="join without On",
        ),
        pytest.param(json_get("metrics.accuracy.value"), 0.7, id="property file"),
        pytest.param(json_get("$.metrics['per.class'][1]"), 2, id="property file, JSONPath"),
        pytest.param(
            {"Std:JsonGet": {"S3Uri": "s3://b/evaluation.json", "Path": "metrics.accuracy"}},
            {"value": 0.7},
            id="S3 object",
        ),
        pytest.param({"a": [get("Parameters.Count"), 1]}, {"a": [3, 1]}, id="nested in data"),
    ],
)
def test_expression_is_replaced_by_its_value(expression: Any, value: Any) -> None:
    assert evaluate(expression, SCOPE) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param(get("Steps.Train.ModelArtifacts"), "step 'Train' did not run", id="step"),
        pytest.param(
            get("Steps.Tune.BestTrainingJob.TunedHyperParameters['lr']"),
            "has no 'lr' at ['BestTrainingJob']['TunedHyperParameters']; "
            "there is an object with 'batch-size', 'a.b'",
            id="property",
        ),
        pytest.param(
            json_get("metrics.recall"),
            "s3://b/evaluation.json has no 'recall'",
            id="key in a property file",
        ),
    ],
)
def test_missing_value_fails_the_step_with_its_place(expression: Any, message: str) -> None:
    with pytest.raises(StepError) as raised:
        evaluate(expression, SCOPE)
    assert message in str(raised.value)
