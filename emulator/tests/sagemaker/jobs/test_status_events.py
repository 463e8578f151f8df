"""The events of a job's every status, and the curves of its metrics in CloudWatch."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from emulator_process import BUCKET, Emulator
from waiting import wait_until

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}


@pytest.fixture
def received(emulator: Emulator, name: str) -> Callable[[int], list[dict[str, Any]]]:
    """A function that waits for so many events of the jobs of this test, and returns them."""
    queues, events = emulator.client("sqs"), emulator.client("events")
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.sagemaker"],
        "resources": [{"suffix": f"-job/{name}"}],
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    found: list[dict[str, Any]] = []

    def wait(count: int) -> list[dict[str, Any]]:
        def enough() -> bool:
            batch = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            found.extend(json.loads(message["Body"]) for message in batch.get("Messages", []))
            return len(found) >= count

        wait_until(enough, 20)
        return sorted(found, key=lambda event: event["detail"]["LastModifiedTime"])

    return wait


def training(name: str, script: str) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": "plain",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-c", script],
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
        "ResourceConfig": CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Tags": [{"Key": "team", "Value": "x"}],
    }


def test_training_emits_each_secondary_status(sagemaker: Any, received: Any, name: str) -> None:
    sagemaker.create_training_job(**training(name, "print('loss=1')"))
    events = received(5)
    statuses = [
        (event["detail"]["TrainingJobStatus"], event["detail"]["SecondaryStatus"])
        for event in events
    ]
    running = [("InProgress", each) for each in ("Starting", "Downloading", "Training")]
    assert statuses == [*running, ("InProgress", "Uploading"), ("Completed", "Completed")]
    last = events[-1]
    assert last["detail-type"] == "SageMaker Training Job State Change"
    assert last["detail"]["Tags"] == {"team": "x"}
    assert isinstance(last["detail"]["CreationTime"], int)  # milliseconds
    assert "Request" not in last["detail"]
    described = sagemaker.describe_training_job(TrainingJobName=name)
    ended = last["detail"]["TrainingEndTime"] / 1000
    assert ended == pytest.approx(described["TrainingEndTime"].timestamp(), abs=0.01)


def test_stopped_processing_emits_each_status(
    sagemaker: Any, received: Any, until: Callable[..., Any], name: str
) -> None:
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        ProcessingResources={"ClusterConfig": CLUSTER},
        AppSpecification={"ImageUri": "plain", "ContainerEntrypoint": ["sleep", "60"]},
    )
    sagemaker.stop_processing_job(ProcessingJobName=name)
    statuses = [event["detail"]["ProcessingJobStatus"] for event in received(3)]
    assert statuses == ["InProgress", "Stopping", "Stopped"]


def test_metrics_of_a_training_job_are_in_cloudwatch(
    emulator: Emulator, sagemaker: Any, until: Callable[..., Any], name: str
) -> None:
    sagemaker.create_training_job(**training(name, "for x in (4, 2, 3): print(f'loss={x}')"))
    ended = until(
        lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus"
    )
    # As the SageMaker SDK's TrainingJobAnalytics asks.
    points = emulator.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=ended["TrainingStartTime"],
        EndTime=ended["TrainingEndTime"] + timedelta(minutes=1),
        Period=60,
        Statistics=["Average", "SampleCount"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in points) == 3
    assert sum(point["Average"] * point["SampleCount"] for point in points) == pytest.approx(9)
    assert abs(points[0]["Timestamp"] - datetime.now(UTC)) < timedelta(minutes=3)
