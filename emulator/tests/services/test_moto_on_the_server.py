"""Services that moto runs, over HTTP."""

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator


def test_services_left_to_moto(emulator: Emulator) -> None:
    assert emulator.client("sts").get_caller_identity()["Account"] == "123456789012"
    repository = emulator.client("ecr").create_repository(repositoryName="image")["repository"]
    assert repository["repositoryName"] == "image"
    cloudwatch = emulator.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1}])
    assert cloudwatch.list_metrics(Namespace="N")["Metrics"][0]["MetricName"] == "m"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        emulator.client("iam").get_role(RoleName="nobody")


def test_a_schedule_that_would_never_fire_is_refused(emulator: Emulator) -> None:
    role, pipeline = "iam::123456789012:role/s", "sagemaker:us-east-1:123456789012:pipeline/p"
    target = {"Arn": f"arn:aws:{pipeline}", "RoleArn": f"arn:aws:{role}"}
    with pytest.raises(ClientError, match="schedules do not fire here"):
        emulator.client("scheduler").create_schedule(
            Name="s",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )
