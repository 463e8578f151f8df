"""Serverless endpoints, as a client uses them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from endpoint_client import Hosting, variant_of
from local_context import local_context

from sagemaker_emulator.sagemaker.endpoints import deployment, invoke
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedContainer, ServedModel

SIZE = {"MemorySizeInMB": 2048, "MaxConcurrency": 3}


def serverless(model: str, **changes: Any) -> dict[str, Any]:
    return {"VariantName": "v", "ModelName": model, "ServerlessConfig": SIZE, **changes}


class Serverless:
    def __init__(self, emulator: Emulator, hosting: Hosting, name: str) -> None:
        self.name, self.hosting, self.sagemaker = name, hosting, hosting.sagemaker
        self._runtime = emulator.client("sagemaker-runtime")

    def config(self, name: str, *variants: dict[str, Any], **settings: Any) -> None:
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=list(variants), **settings
        )

    def invoke(self, body: bytes = b"x") -> Any:
        answer = self._runtime.invoke_endpoint(EndpointName=self.name, Body=body)
        return json.loads(answer["Body"].read())

    def variant(self) -> Any:
        (variant,) = self.hosting.settled(self.name)["ProductionVariants"]
        return variant


@pytest.fixture
def unserved(emulator: Emulator, name: str, until: Callable[..., Any]) -> Serverless:
    serving = Serverless(emulator, Hosting(emulator, until), name)
    serving.hosting.model(name)
    return serving


@pytest.fixture
def served(unserved: Serverless) -> Iterator[Serverless]:
    unserved.config(unserved.name, serverless(unserved.name))
    made = unserved.hosting.endpoint(unserved.name)
    assert made["EndpointStatus"] == "InService", made
    yield unserved
    unserved.hosting.settled(unserved.name)
    unserved.sagemaker.delete_endpoint(EndpointName=unserved.name)


def test_endpoint_answers_and_is_described(served: Serverless) -> None:
    assert served.invoke(b"hello")["body"] == "hello"
    variant = served.variant()
    assert variant["CurrentServerlessConfig"] == SIZE
    assert variant["CurrentInstanceCount"] == 0


def test_concurrency_is_changed_while_it_serves(served: Serverless) -> None:
    served.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=served.name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "v", "ServerlessUpdateConfig": {"MaxConcurrency": 5}}
        ],
    )
    assert served.variant()["CurrentServerlessConfig"] == SIZE | {"MaxConcurrency": 5}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"DesiredInstanceCount": 2}, 'DesiredInstanceCount: the variant "v" is serverless'),
        (
            {"ServerlessUpdateConfig": {"MaxConcurrency": 1, "ProvisionedConcurrency": 2}},
            "must not be greater than MaxConcurrency",
        ),
    ],
)
def test_sizes_that_it_cannot_have_are_refused(
    served: Serverless, wish: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        served.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=served.name, DesiredWeightsAndCapacities=[{"VariantName": "v", **wish}]
        )


def test_body_of_more_than_four_megabytes_is_refused(served: Serverless) -> None:
    with pytest.raises(ClientError, match="at most 4194304 bytes; this one has 4194305"):
        served.invoke(b"x" * (4 * 1024 * 1024 + 1))


def test_endpoint_may_get_instances_but_not_lose_them(served: Serverless) -> None:
    instances, again = f"{served.name}-2", f"{served.name}-3"
    served.config(instances, variant_of("v", served.name))
    served.config(again, serverless(served.name))
    served.sagemaker.update_endpoint(
        EndpointName=served.name, EndpointConfigName=instances, RetainAllVariantProperties=True
    )
    variant = served.variant()
    assert variant["CurrentInstanceCount"] == 1
    assert "CurrentServerlessConfig" not in variant
    with pytest.raises(ClientError, match="cannot become serverless"):
        served.sagemaker.update_endpoint(EndpointName=served.name, EndpointConfigName=again)


def test_traffic_is_not_shifted(served: Serverless) -> None:
    rolling = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    with pytest.raises(ClientError, match="guardrails are for real-time and asynchronous"):
        served.sagemaker.update_endpoint(
            EndpointName=served.name,
            EndpointConfigName=served.name,
            DeploymentConfig={"RollingUpdatePolicy": {**rolling, "WaitIntervalInSeconds": 0}},
        )


def test_endpoint_whose_model_does_not_start_is_failed(unserved: Serverless) -> None:
    unserved.hosting.model(f"{unserved.name}-2", word="crash")
    unserved.config(unserved.name, serverless(f"{unserved.name}-2"))
    assert unserved.hosting.endpoint(unserved.name)["EndpointStatus"] == "Failed"
    unserved.sagemaker.delete_endpoint(EndpointName=unserved.name)


CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{BUCKET}/x",
    "CaptureOptions": [{"CaptureMode": "Output"}],
}


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({"InstanceType": "ml.m5.large"}, {}, "has no instances; leave InstanceType out"),
        ({"InitialInstanceCount": 1}, {}, "leave InitialInstanceCount out"),
        ({}, {"DataCaptureConfig": CAPTURE}, "cannot have DataCaptureConfig"),
        ({}, {"EnableNetworkIsolation": True}, "cannot have EnableNetworkIsolation"),
        (
            {},
            {"ShadowProductionVariants": [variant_of("s", "m")]},
            "cannot have ShadowProductionVariants",
        ),
        ({"ServerlessConfig": SIZE | {"MemorySizeInMB": 1025}}, {}, "MemorySizeInMB is 1025"),
        (
            {"ServerlessConfig": SIZE | {"ProvisionedConcurrency": 4}},
            {},
            "ProvisionedConcurrency is 4 and must not be greater than MaxConcurrency, which is 3",
        ),
    ],
)
def test_what_serverless_variants_cannot_have_is_refused(
    unserved: Serverless, changes: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        unserved.config(unserved.name, serverless(unserved.name, **changes), **settings)


def test_second_variant_is_refused(unserved: Serverless) -> None:
    with pytest.raises(ClientError, match="cannot have a second production variant"):
        unserved.config(unserved.name, serverless(unserved.name), variant_of("w", unserved.name))


class Server:
    def __init__(self, *_: object) -> None:
        self.ended = False

    def start(self, _: float) -> None:
        pass

    def stop(self) -> None:
        self.ended = True


def test_request_beyond_the_concurrency_is_throttled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "ModelServer", Server)
    context = local_context(tmp_path)
    document = {"EndpointName": "e", "EndpointStatus": "InService", "Config": {}}
    context.store.put("endpoint", "e", document)
    size = SIZE | {"MaxConcurrency": 1}
    variants = [serverless("m", ServerlessConfig=size)]
    config = {"EndpointConfigName": "c", "ProductionVariants": variants}
    made = deployment.Deployment(
        context, "e", config, {"v": ServedModel((ServedContainer("image"),))}
    )
    monkeypatch.setattr(context.endpoints, "serving", lambda *_: made)
    with made.server("v"):
        response = invoke.invoke_endpoint(context, "e", {}, b"x")
    assert (response.status, response.headers["x-amzn-errortype"]) == (400, "ThrottlingException")
    made.stop()
