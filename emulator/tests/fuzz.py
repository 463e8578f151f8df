"""Requests by botocore's shapes: most nearly right, each with something that nobody would send."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagemaker_emulator import serve
from sagemaker_emulator.aws.dispatch import operations, service_model

assert serve.OPERATIONS  # registered

ACCOUNT = "arn:aws:sagemaker:us-east-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/emulator"
# What tokens of JSON stand for in a body, where `json.dumps` cannot write them.
_RAW = {
    "@huge@": "1" + "0" * 400,
    "@digits@": "9" * 5000,
    "@large@": "1e400",
    "@nan@": "NaN",
    "@infinity@": "-Infinity",
    "@deep@": "[" * 2_000 + "]" * 2_000,
    "@unclosed@": "[" * 100_000,
    "@surrogate@": '"arn:aws:sagemaker:\\ud800:"',
}
TEXTS = (
    *("", " ", "x", "a" * 255, "a" * 5000, "-", "a b", "\x00", "a\x00b", "\u0663", "²", "f/²"),
    *("\ud800", "é" * 300, "\U0001f600", "..", "../..", "NaN", "Infinity", "1_000", "1e400"),
    *("s3://[x", "s3://", "s3://bucket", "s3://bucket/a\x00b", "s3://bucket/" + "k" * 2000),
    *("s3://bucket/../../x", "s3://bucket//etc/hostname", "https://x", "s3://BUCKET/x"),
    *(ROLE, f"{ACCOUNT}:model-package/g/²", f"{ACCOUNT}:pipeline/p/execution/aaaaaaaaaaaa"),
    *(f"{ACCOUNT}:model/\ud800", f"{ACCOUNT}:training-job/", f"{ACCOUNT}:", "arn:aws:sagemaker"),
    *("{", "[]", "{}", "null", '{"Version": "2020-12-01", "Steps": [{}]}', "[" * 100_000),
    *("(a+)+$", "(", "[a-", "(?<=x)y", "x{1000}{1000}", "MTA=", "wAAA", "/opt/ml/processing/x"),
)
NUMBERS: tuple[Any, ...] = (0, -1, -5, 1, 2, 10, 2**31, 2**63, 0.5, -0.0, 1e308, "@huge@")
OTHERS: tuple[Any, ...] = (
    *(None, True, False, [], {}, [None], {"": None}, {"a": {"b": []}}, 1.5, "x", -(2**70)),
    *_RAW,
)
DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "P", "Type": "Integer", "DefaultValue": 1}],
    "Steps": [
        {
            "Name": "C",
            "Type": "Condition",
            "DependsOn": [],
            "Arguments": {
                "Conditions": [
                    {"Type": "Equals", "LeftValue": {"Get": "Parameters.P"}, "RightValue": 1}
                ],
                "IfSteps": [
                    {"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}},
                    {
                        "Name": "T",
                        "Type": "Training",
                        "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"},
                        "RetryPolicies": [{"ExceptionType": ["Step.THROTTLING"]}],
                        "Arguments": {
                            "RoleArn": ROLE,
                            "AlgorithmSpecification": {"TrainingInputMode": "File"},
                            "OutputDataConfig": {
                                "S3OutputPath": {"Std:Join": {"On": "/", "Values": ["s3:/", "b"]}}
                            },
                            "StoppingCondition": {"MaxRuntimeInSeconds": 5},
                        },
                    },
                ],
                "ElseSteps": [],
            },
        },
        {
            "Name": "L",
            "Type": "Lambda",
            "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "Arguments": {"a": {"Get": "Steps.C.Outcome"}},
            "OutputParameters": [{"OutputName": "o", "OutputType": "String"}],
        },
    ],
}


IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:1"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
ALGORITHM = {
    "TrainingImage": IMAGE,
    "TrainingInputMode": "File",
    "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
}
TRAINING: dict[str, Any] = {
    "RoleArn": ROLE,
    "AlgorithmSpecification": ALGORITHM,
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/a"}},
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": CLUSTER,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
PRIMARY = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/a", "Environment": {"A": "b"}}
# Requests that the emulator runs; the names are made anew for each.
RIGHT: dict[str, dict[str, Any]] = {
    "AddTags": {"ResourceArn": f"{ACCOUNT}:model/a", "Tags": [{"Key": "k", "Value": "v"}]},
    "CreateModel": {"ModelName": "", "PrimaryContainer": PRIMARY, "ExecutionRoleArn": ROLE},
    "CreateEndpointConfig": {
        "EndpointConfigName": "",
        "ProductionVariants": [
            {
                "VariantName": "v",
                "ModelName": "a",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
    },
    "CreateEndpoint": {"EndpointName": "", "EndpointConfigName": "a"},
    "CreateModelPackageGroup": {"ModelPackageGroupName": ""},
    "CreateModelPackage": {
        "ModelPackageGroupName": "a",
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://bucket/a"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    },
    "UpdateModelPackage": {
        "ModelPackageArn": f"{ACCOUNT}:model-package/a/1",
        "ModelApprovalStatus": "Approved",
        "CustomerMetadataProperties": {"a": "b"},
    },
    "CreateProcessingJob": {
        "ProcessingJobName": "",
        "RoleArn": ROLE,
        "ProcessingResources": {"ClusterConfig": CLUSTER},
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        "ProcessingInputs": [
            {
                "InputName": "in",
                "S3Input": {
                    "S3Uri": "s3://bucket/a",
                    "LocalPath": "/opt/ml/processing/in",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
    },
    "CreateTrainingJob": {"TrainingJobName": "", **TRAINING},
    "CreateTransformJob": {
        "TransformJobName": "",
        "ModelName": "a",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/a"}}
        },
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    },
    "CreateHyperParameterTuningJob": {
        "HyperParameterTuningJobName": "",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ParameterRanges": {
                "IntegerParameterRanges": [{"Name": "i", "MinValue": "1", "MaxValue": "9"}],
                "ContinuousParameterRanges": [{"Name": "f", "MinValue": "0.1", "MaxValue": "1"}],
                "CategoricalParameterRanges": [{"Name": "c", "Values": ["x", "y"]}],
            },
        },
        "TrainingJobDefinition": TRAINING,
    },
    "CreatePipeline": {
        "PipelineName": "",
        "PipelineDefinition": json.dumps(DEFINITION),
        "ClientRequestToken": "t" * 32,
        "RoleArn": ROLE,
    },
    "UpdatePipeline": {"PipelineName": "a", "PipelineDefinition": json.dumps(DEFINITION)},
    "StartPipelineExecution": {
        "PipelineName": "a",
        "PipelineParameters": [{"Name": "P", "Value": "2"}],
        "ClientRequestToken": "u" * 32,
    },
}
NAMES = {name: f"{name.removeprefix('Create')}Name" for name in RIGHT if "" in RIGHT[name].values()}


KNOWN = {
    "PipelineExecutionArn": f"{ACCOUNT}:pipeline/a/execution/aaaaaaaaaaaa",
    "ModelPackageArn": f"{ACCOUNT}:model-package/a/1",
}


class Fuzz:
    """A source of requests; the same for the same seed and version of botocore."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._odds = 0.0

    def requests(self, service: str, count: int) -> Iterator[tuple[str, bytes]]:
        """(operation, body), as many of each operation of a JSON service."""
        names = sorted(name for owner, name in operations if owner == service)
        for number in range(count):
            name = names[number % len(names)]
            # A request with one fault gets far; one with many is refused at the door.
            self._odds = self._random.choice((0.0, 0.01, 0.03, 0.1))
            shape = service_model(service).operation_model(name).input_shape
            if shape is None:
                yield name, b"{}"
            elif name in RIGHT and self._random.random() < 0.8:
                yield name, self._body(self._nearly_right(name, shape, number))
            else:
                yield name, self._body(self._value(shape, "", 0))

    def _nearly_right(self, name: str, shape: StructureShape, number: int) -> dict[str, Any]:
        """A right request with, mostly, one thing replaced or added."""
        request: dict[str, Any] = json.loads(json.dumps(RIGHT[name]))
        if name in NAMES:
            request[NAMES[name]] = f"fuzz-{number}"
        choice = self._random.random()
        if choice < 0.4:
            self._replace_one(request)
        elif choice < 0.7:
            self._odds = 0.0
            member = self._random.choice(sorted(shape.members))
            request[member] = self._value(shape.members[member], member, 1)
        elif choice < 0.8 and "PipelineDefinition" in request:
            request["PipelineDefinition"] = self._definition()
        return request

    def _replace_one(self, document: Any) -> None:
        places: list[tuple[Any, Any]] = []
        inner: list[Any] = [document]
        while inner:
            node = inner.pop()
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                places.append((node, key))
                if isinstance(node[key], dict | list):
                    inner.append(node[key])
        node, key = self._random.choice(places)
        node[key] = self._random.choice((*OTHERS, *TEXTS, *NUMBERS))

    def _body(self, value: Any) -> bytes:
        text = json.dumps(value)
        for token, raw in _RAW.items():
            text = text.replace(f'"{token}"', raw)
        return text.encode()

    def _value(self, shape: Shape, name: str, depth: int) -> Any:
        chance = self._random
        if chance.random() < self._odds:
            return chance.choice(OTHERS)
        match shape:
            case StructureShape():
                return self._structure(shape, depth)
            case ListShape():
                least = int(shape.metadata.get("min", 0))
                count = max(least, chance.choice((0, 1, 1, 2)))
                return [self._value(shape.member, name, depth + 1) for _ in range(min(count, 9))]
            case MapShape():
                keys = [self._text(shape.key, name) for _ in range(chance.choice((0, 1, 2)))]
                return {key: self._value(shape.value, name, depth + 1) for key in keys}
        match shape.type_name:
            case "string":
                return self._text(shape, name)
            case "integer" | "long" | "float" | "double" | "timestamp":
                return self._number(shape)
            case "boolean":
                return chance.random() < 0.5
            case _:
                return "AAAA"

    def _structure(self, shape: StructureShape, depth: int) -> dict[str, Any]:
        required = set(shape.metadata.get("required", ()))
        share = self._random.choice((0.0, 0.1, 0.4)) / (depth + 1)
        return {
            name: self._value(member, name, depth + 1)
            for name, member in shape.members.items()
            if name in required or self._random.random() < share
        }

    def _number(self, shape: Shape) -> Any:
        if self._random.random() < self._odds:
            return self._random.choice(NUMBERS)
        least = int(shape.metadata.get("min", 1))
        return self._random.randint(least, min(int(shape.metadata.get("max", 50)), least + 50))

    def _text(self, shape: Shape, name: str) -> str:
        chance = self._random
        if allowed := shape.metadata.get("enum"):
            return str(chance.choice(allowed))
        if chance.random() < self._odds:
            return chance.choice(TEXTS)
        if name == "PipelineDefinition":
            return self._definition()
        if "Role" in name:
            return ROLE
        if "S3" in name or "Uri" in name or "Url" in name:
            return f"s3://bucket/{chance.choice(('a', 'a/b', 'c.json'))}"
        if "Arn" in name:
            if name in KNOWN:
                return KNOWN[name]
            kind = chance.choice(("pipeline", "model", "model-package-group", "training-job"))
            return f"{ACCOUNT}:{kind}/{chance.choice('abc')}"
        least = int(shape.metadata.get("min", 1))
        return "".join(chance.choices(string.ascii_lowercase[:3], k=max(least, 1)))

    def _definition(self) -> str:
        """A definition in which one value was replaced."""
        document = json.loads(json.dumps(DEFINITION))
        self._replace_one(document)
        return self._body(document).decode()
