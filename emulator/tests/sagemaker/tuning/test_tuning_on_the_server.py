"""A tuning job on a real server, whose trials are real training jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from pipeline_client import IMAGE
from pipeline_steps import ROLE

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

NAME = "real-trials"


def test_best_trial_is_a_training_job_with_a_model(emulator: Any) -> None:
    client: SageMakerClient = emulator.client("sagemaker")
    client.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=NAME,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "accuracy"},
            "ParameterRanges": {
                "CategoricalParameterRanges": [{"Name": "word", "Values": ["one", "two"]}]
            },
            "TrainingJobEarlyStoppingType": "Auto",
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": "accuracy", "Regex": "(?:doing |accuracy=)([a-z0-9.]+)"}
                ],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        described = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=NAME)
        if described["HyperParameterTuningJobStatus"] != "InProgress":
            break
        time.sleep(0.05)
    assert described["HyperParameterTuningJobStatus"] == "Completed", described
    best = described["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(0.2)
    trials = client.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=NAME
    )
    assert len(trials["TrainingJobSummaries"]) == 3
    job = client.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert job["HyperParameters"]["word"] == best["TunedHyperParameters"]["word"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"].startswith(f"s3://bucket/models/{NAME}-")
    client.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=NAME)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=NAME)
    assert client.describe_training_job(TrainingJobName=best["TrainingJobName"])
