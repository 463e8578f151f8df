from datetime import datetime

import boto3
import pytest
from botocore.stub import Stubber

from pipelines.executions import trials


@pytest.mark.parametrize(
    ("counters", "expected"),
    [
        ({"Completed": 3}, "3 of 4 trials, best validation:accuracy 0.438"),
        (
            {"Completed": 1, "NonRetryableError": 2, "Stopped": 1},
            "1 of 4 trials, 2 failed, 1 stopped, best validation:accuracy 0.438",
        ),
    ],
)
def test_a_tuning_job_in_one_line(counters: dict[str, int], expected: str) -> None:
    client = boto3.client("sagemaker", region_name="us-east-1")
    now = datetime(2026, 1, 1)
    limits = {"MaxParallelTrainingJobs": 1, "MaxNumberOfTrainingJobs": 4}
    described = {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobArn": "arn:aws:sagemaker:us-east-1:123456789012:tune",
        "HyperParameterTuningJobConfig": {"Strategy": "Bayesian", "ResourceLimits": limits},
        "HyperParameterTuningJobStatus": "Stopped",
        "CreationTime": now,
        "TrainingJobStatusCounters": counters,
        "ObjectiveStatusCounters": {"Succeeded": 1},
        "BestTrainingJob": {
            "TrainingJobName": "one",
            "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:one",
            "CreationTime": now,
            "TrainingJobStatus": "Completed",
            "TunedHyperParameters": {"lr": "0.01"},
            "FinalHyperParameterTuningJobObjectiveMetric": {
                "MetricName": "validation:accuracy",
                "Value": 0.4375,
            },
        },
    }
    with Stubber(client) as stubber:
        stubber.add_response("describe_hyper_parameter_tuning_job", described)
        assert trials.summary(client, "tune") == expected
