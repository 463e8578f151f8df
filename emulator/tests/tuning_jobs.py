"""Requests of tuning jobs over stand-in training jobs, and what becomes of them."""

from __future__ import annotations

import time
from typing import Any

from pipeline_bench import Bench
from pipeline_steps import ROLE

RANGES: dict[str, Any] = {
    "ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.1", "MaxValue": "0.9"}],
    "CategoricalParameterRanges": [{"Name": "batch", "Values": ["32", "64"]}],
}


def request(environment: dict[str, str] | None = None, **config: Any) -> dict[str, Any]:
    """A request of four trials, with what the stand-in jobs and its config are to have."""
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "ResourceLimits": limits,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ParameterRanges": RANGES,
            "RandomSeed": 1,
            **config,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": "plain",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+)"}],
            },
            "RoleArn": ROLE,
            "StaticHyperParameters": {"arch": "small"},
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints/"},
            "Environment": environment or {},
        },
    }


def begin(bench: Bench, request: dict[str, Any]) -> None:
    """Begin a tuning job `t`."""
    bench.call("CreateHyperParameterTuningJob", HyperParameterTuningJobName="t", **request)


def describe(bench: Bench, name: str = "t") -> dict[str, Any]:
    """A tuning job's description."""
    return bench.call("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)


def value_of(trial: dict[str, Any]) -> float:
    """A trial's objective."""
    return float(trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def finish(bench: Bench, name: str = "t") -> dict[str, Any]:
    """A tuning job's description as soon as it has ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        described = describe(bench, name)
        if described["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping"):
            return described
        time.sleep(0.02)
    raise AssertionError(described)


def trials(bench: Bench, **more: Any) -> list[dict[str, Any]]:
    """The trials of `t`, as its list has them."""
    answer = bench.call(
        "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName="t", **more
    )
    return list(answer["TrainingJobSummaries"])
