"""A shadow variant: a second server that gets copies of the requests, and answers nobody."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from endpoint_client import Hosting, variant_of
from waiting import wait_until


class Shadowed:
    def __init__(self, emulator: Emulator, hosting: Hosting, name: str) -> None:
        self.name, self.hosting, self.sagemaker = name, hosting, hosting.sagemaker
        self._emulator = emulator
        self._runtime = emulator.client("sagemaker-runtime")

    def serve(self, weight: float, **settings: Any) -> Any:
        self.hosting.model(self.name)
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=self.name,
            ProductionVariants=[variant_of("main", self.name)],
            ShadowProductionVariants=[
                variant_of("shadow", self.name, InitialVariantWeight=weight),
            ],
            **settings,
        )
        return self.hosting.endpoint(self.name)

    def invoke(self, body: bytes = b"x", **options: Any) -> Any:
        return self._runtime.invoke_endpoint(EndpointName=self.name, Body=body, **options)

    def measured(self, variant: str, metric: str = "Invocations") -> float:
        now = datetime.now(UTC)
        dimensions = {"EndpointName": self.name, "VariantName": variant}
        points = self._emulator.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(float(point["Sum"]) for point in points)

    def captured(self, variant: str) -> list[Any]:
        folder = self._emulator.state / "s3" / BUCKET / "shadowed" / self.name / variant
        texts = [file.read_text() for file in folder.rglob("*.jsonl")]
        return [json.loads(line) for text in texts for line in text.splitlines()]


@pytest.fixture
def shadowed(emulator: Emulator, name: str, until: Callable[..., Any]) -> Iterator[Shadowed]:
    shadowed = Shadowed(emulator, Hosting(emulator, until), name)
    yield shadowed
    shadowed.sagemaker.delete_endpoint(EndpointName=name)


def test_shadow_gets_every_request_and_answers_none(shadowed: Shadowed) -> None:
    made = shadowed.serve(1.0)
    (shadow,) = made["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["CurrentInstanceCount"]) == ("shadow", 1)
    pids = set()
    for _ in range(5):
        answer = shadowed.invoke()
        assert answer["InvokedProductionVariant"] == "main"
        pids.add(json.loads(answer["Body"].read())["pid"])
    assert len(pids) == 1
    wait_until(lambda: shadowed.measured("shadow") == 5, 60)
    assert shadowed.measured("main") == 5


def test_weight_is_the_share_that_is_copied(shadowed: Shadowed) -> None:
    shadowed.serve(0.0)
    shadowed.invoke()
    shadowed.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=shadowed.name,
        DesiredWeightsAndCapacities=[{"VariantName": "shadow", "DesiredWeight": 0.5}],
    )
    for _ in range(100):
        shadowed.invoke()
    wait_until(lambda: shadowed.measured("shadow") >= 20, 60)
    # Six standard deviations around 50: one run in a thousand million is outside.
    assert shadowed.measured("shadow") <= 80


def test_failing_shadow_fails_no_invocation(shadowed: Shadowed) -> None:
    shadowed.serve(1.0)
    with pytest.raises(ClientError, match="not a picture"):  # of the production variant
        shadowed.invoke(b"refuse")
    wait_until(lambda: shadowed.measured("shadow", "Invocation4XXErrors") == 1, 60)
    shadowed.invoke()


def test_answers_of_both_are_captured(shadowed: Shadowed) -> None:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/shadowed",
        "CaptureOptions": [{"CaptureMode": "Output"}],
    }
    shadowed.serve(1.0, DataCaptureConfig=capture)
    shadowed.invoke(InferenceId="photo-1")
    for variant in ("main", "shadow"):
        wait_until(lambda variant=variant: shadowed.captured(variant), 60)
        (line,) = shadowed.captured(variant)
        assert line["eventMetadata"]["inferenceId"] == "photo-1"


def test_shadow_cannot_be_invoked(shadowed: Shadowed) -> None:
    shadowed.serve(1.0)
    with pytest.raises(ClientError, match="there are main"):
        shadowed.invoke(TargetVariant="shadow")


def test_update_without_a_shadow_ends_it(shadowed: Shadowed) -> None:
    shadowed.serve(1.0)
    alone = f"{shadowed.name}-2"
    shadowed.hosting.config(alone, main=shadowed.name)
    shadowed.sagemaker.update_endpoint(EndpointName=shadowed.name, EndpointConfigName=alone)
    assert "ShadowProductionVariants" not in shadowed.hosting.settled(shadowed.name)
    shadowed.invoke()
    assert shadowed.measured("shadow") == 0


def test_share_is_kept_by_an_update_that_retains_the_properties(shadowed: Shadowed) -> None:
    shadowed.serve(0.25)
    shadowed.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=shadowed.name,
        DesiredWeightsAndCapacities=[{"VariantName": "shadow", "DesiredWeight": 0.75}],
    )
    shadowed.sagemaker.update_endpoint(
        EndpointName=shadowed.name,
        EndpointConfigName=shadowed.name,
        RetainAllVariantProperties=True,
    )
    (shadow,) = shadowed.hosting.settled(shadowed.name)["ShadowProductionVariants"]
    assert shadow["CurrentWeight"] == 0.75


@pytest.mark.parametrize(
    ("production", "shadow", "message"),
    [
        (
            ["a", "b"],
            ["c"],
            "beside one production variant; there are 1 beside 2",
        ),
        (["a"], ["b", "c"], "there are 2 beside 1"),
        (["a"], ["a"], "the names must differ"),
    ],
)
def test_variants_that_cannot_be_served_together_are_refused(
    emulator: Emulator, name: str, production: list[str], shadow: list[str], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        emulator.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[variant_of(each, "m") for each in production],
            ShadowProductionVariants=[variant_of(each, "m") for each in shadow],
        )
