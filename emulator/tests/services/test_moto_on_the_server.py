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
