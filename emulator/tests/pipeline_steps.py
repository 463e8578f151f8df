"""Pipeline definitions for tests, as the SageMaker SDK writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/pipeline"
INSTANCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
Json = dict[str, Any]


def definition(*steps: Json, parameters: Iterable[Json] = ()) -> str:
    document = {"Version": "2020-12-01", "Parameters": list(parameters), "Steps": steps}
    return json.dumps(document)


def get(reference: str) -> Json:
    return {"Get": reference}


def join(*values: Any, on: str = "") -> Json:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def json_get(step: str, path: str) -> Json:
    """A value in the file report.json that a processing step writes."""
    file = get(f"Steps.{step}.PropertyFiles.Report")
    return {"Std:JsonGet": {"PropertyFile": file, "Path": path}}


def processing(name: str, environment: Json | None = None, **more: Any) -> Json:
    """A step with an output `out`, in which report.json is the property file Report."""
    output = {
        "OutputName": "out",
        "S3Output": {
            "S3Uri": join("s3://bucket", get("Execution.PipelineExecutionId"), name, on="/"),
            "LocalPath": "/opt/ml/processing/out",
            "S3UploadMode": "EndOfJob",
        },
    }
    arguments = {
        "ProcessingResources": {"ClusterConfig": INSTANCES},
        "AppSpecification": {"ImageUri": "image"},
        "RoleArn": ROLE,
        "Environment": environment or {},
        "ProcessingOutputConfig": {"Outputs": [output]},
        **more.pop("arguments", {}),
    }
    file = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}
    return _step(name, "Processing", arguments, PropertyFiles=[file], **more)


def output_uri(step: str) -> Json:
    """The S3 URI of the output of a processing step."""
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")


def training(name: str, hyperparameters: Json, **more: Any) -> Json:
    arguments = {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": hyperparameters,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": INSTANCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    return _step(name, "Training", arguments, **more)


def lambda_step(
    name: str, function: str, arguments: Json, outputs: Iterable[str] = (), **more: Any
) -> Json:
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function}"
    declared = [{"OutputName": output, "OutputType": "String"} for output in outputs]
    return _step(name, "Lambda", arguments, FunctionArn=arn, OutputParameters=declared, **more)


def condition(
    name: str, conditions: list[Json], yes: Iterable[Json] = (), no: Iterable[Json] = ()
) -> Json:
    arguments = {"Conditions": conditions, "IfSteps": list(yes), "ElseSteps": list(no)}
    return _step(name, "Condition", arguments)


def fail(name: str, message: Any = "no", **more: Any) -> Json:
    return _step(name, "Fail", {"ErrorMessage": message}, **more)


def _step(name: str, type_: str, arguments: Json, **more: Any) -> Json:
    return {"Name": name, "Type": type_, "Arguments": arguments, **more}
