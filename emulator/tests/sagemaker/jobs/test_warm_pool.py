"""Warm pools of training jobs, as Describe and List show them."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET

from sagemaker_emulator.sagemaker.jobs.warm_pool import status_of


def request(name: str, **resources: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": f"arn:aws:iam::123456789012:role/{name[:17]}",  # pools of this test alone
        "AlgorithmSpecification": {
            "TrainingImage": "plain",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["true"],
        },
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
            "KeepAlivePeriodInSeconds": 600,
            **resources,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


@pytest.fixture
def trained(sagemaker: Any, until: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    def run(job: dict[str, Any]) -> Any:
        sagemaker.create_training_job(**job)
        name = job["TrainingJobName"]
        return until(
            lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus"
        )

    return run


def pool(sagemaker: Any, name: str) -> Any:
    return sagemaker.describe_training_job(TrainingJobName=name).get("WarmPoolStatus")


def test_pool_moves_to_the_next_job_that_matches(sagemaker: Any, trained: Any, name: str) -> None:
    first, other, second = (f"{name}-{part}" for part in ("a", "b", "c"))
    assert trained(request(first))["WarmPoolStatus"]["Status"] == "Available"
    trained(request(other, InstanceType="ml.m5.xlarge"))
    assert pool(sagemaker, first)["Status"] == "Available"
    trained(request(second))
    reused = pool(sagemaker, first)
    assert (reused["Status"], reused["ReusedByJob"]) == ("Reused", second)
    listed = sagemaker.list_training_jobs(
        NameContains=name, WarmPoolStatusEquals="Available", SortBy="Name", SortOrder="Ascending"
    )["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in listed] == [other, second]
    assert listed[0]["WarmPoolStatus"]["Status"] == "Available"


def test_pool_is_ended_by_an_update(sagemaker: Any, trained: Any, name: str) -> None:
    trained(request(name))
    longer = {"KeepAlivePeriodInSeconds": 1200}
    sagemaker.update_training_job(TrainingJobName=name, ResourceConfig=longer)
    described = sagemaker.describe_training_job(TrainingJobName=name)
    assert described["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 1200
    none = {"KeepAlivePeriodInSeconds": 0}
    sagemaker.update_training_job(TrainingJobName=name, ResourceConfig=none)
    assert pool(sagemaker, name)["Status"] == "Terminated"
    with pytest.raises(ClientError, match="a warm pool that is Terminated"):
        sagemaker.update_training_job(TrainingJobName=name, ResourceConfig=none)


def test_job_without_a_period_has_no_pool(sagemaker: Any, trained: Any, name: str) -> None:
    trained(request(name, KeepAlivePeriodInSeconds=0))
    assert pool(sagemaker, name) is None
    with pytest.raises(ClientError, match="has no warm pool"):
        sagemaker.update_training_job(TrainingJobName=name)


@pytest.mark.parametrize(
    ("changes", "now", "status", "seconds"),
    [
        ({"TrainingJobStatus": "InProgress"}, 100.0, "InUse", None),
        ({"TrainingEndTime": 100.0}, 150.0, "Available", 50),
        ({"TrainingEndTime": 100.0}, 160.0, "Terminated", 60),
        ({"TrainingEndTime": 100.0, "WarmPoolEnd": {"At": 130.0}}, 900.0, "Terminated", 30),
        (
            {"TrainingEndTime": 100.0, "WarmPoolEnd": {"At": 130.0, "ReusedByJob": "b"}},
            900.0,
            "Reused",
            30,
        ),
        (
            {"TrainingEndTime": 100.0, "FailureReason": "AlgorithmError: x"},
            150.0,
            "Available",
            50,
        ),
        (
            {"TrainingEndTime": 100.0, "FailureReason": "InternalServerError: x"},
            150.0,
            "Terminated",
            0,
        ),
    ],
)
def test_status_of_a_pool_by_the_time(
    changes: dict[str, Any], now: float, status: str, seconds: int | None
) -> None:
    document = {
        "TrainingJobStatus": "Completed",
        "ResourceConfig": {"KeepAlivePeriodInSeconds": 60},
        **changes,
    }
    found = status_of(document, now)
    assert found is not None
    assert found["Status"] == status
    assert found.get("ResourceRetainedBillableTimeInSeconds") == seconds
