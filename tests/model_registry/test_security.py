"""The network, the isolation and the key that a promoted version gets by the settings."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry.errors import RegistryError
from model_registry.promotion import promote
from model_registry.security import Security
from tests.model_registry.served import PLACEMENT, Register

KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
SECURED = Security(("subnet-0a",), ("sg-0a",), isolated=True, kms_key=KEY)
VARIANT = {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 1}


@pytest.fixture
def sent(client: SageMakerClient) -> list[tuple[str, dict[str, Any]]]:
    """Every request, in order; moto, which has no UpdateEndpoint, answers that it did it."""
    requests = []

    def keep(params: dict[str, Any], model: Any, **_: Any) -> None:
        requests.append((model.name, params))

    client.meta.events.register("before-parameter-build.sagemaker", keep)
    done: Any = (SimpleNamespace(status_code=200), {})
    client.meta.events.register("before-call.sagemaker.UpdateEndpoint", lambda **_: done)
    return requests


def last(sent: list[tuple[str, dict[str, Any]]], operation: str) -> dict[str, Any]:
    return [params for name, params in sent if name == operation][-1]


def test_model_and_disk_of_a_new_endpoint_follow_the_settings(
    client: SageMakerClient, register: Register, sent: list[tuple[str, dict[str, Any]]]
) -> None:
    promote(client, register("Approved"), replace(PLACEMENT, security=SECURED))
    model = last(sent, "CreateModel")
    assert model["VpcConfig"] == {"Subnets": ["subnet-0a"], "SecurityGroupIds": ["sg-0a"]}
    assert model["EnableNetworkIsolation"] is True
    assert last(sent, "CreateEndpointConfig")["KmsKeyId"] == KEY


def test_without_settings_nothing_is_sent(
    client: SageMakerClient, register: Register, sent: list[tuple[str, dict[str, Any]]]
) -> None:
    promote(client, register("Approved"), PLACEMENT)
    assert not {"VpcConfig", "EnableNetworkIsolation"} & set(last(sent, "CreateModel"))
    assert "KmsKeyId" not in last(sent, "CreateEndpointConfig")


def test_an_endpoint_that_exists_gets_the_network_and_the_key(
    client: SageMakerClient, register: Register, sent: list[tuple[str, dict[str, Any]]]
) -> None:
    promote(client, register("Approved"), PLACEMENT)
    promote(client, register("Approved"), replace(PLACEMENT, security=SECURED), wait_seconds=5)
    assert "VpcConfig" in last(sent, "CreateModel")
    assert last(sent, "CreateEndpointConfig")["KmsKeyId"] == KEY
    assert sent[-1][0] == "UpdateEndpoint"


def test_a_version_that_was_in_no_network_gets_a_new_model(
    client: SageMakerClient, register: Register, sent: list[tuple[str, dict[str, Any]]]
) -> None:
    """A model of the same name would stay where it is."""
    version = register("Approved")
    for security in (Security(), SECURED):
        promote(client, version, replace(PLACEMENT, security=security))
        client.delete_endpoint(EndpointName=PLACEMENT.endpoint_name)
    names = [params["ModelName"] for name, params in sent if name == "CreateModel"]
    assert len(set(names)) == 2
    (variant,) = last(sent, "CreateEndpointConfig")["ProductionVariants"]
    assert variant["ModelName"] == names[-1]


@pytest.mark.parametrize(
    ("variants", "key"),
    [
        ([{"InstanceType": "ml.m5.large"}], KEY),
        ([{"InstanceType": "ml.m5d.large"}], None),
        ([{"InstanceType": "ml.m5.large"}, {"InstanceType": "ml.g5.xlarge"}], None),
        ([{"ServerlessConfig": {}}], None),
    ],
)
def test_only_disks_that_take_a_key_get_one(
    variants: list[dict[str, Any]], key: str | None
) -> None:
    settings = {"ProductionVariants": [{**VARIANT, **one} for one in variants]}
    assert Security(kms_key=KEY).applied(settings).get("KmsKeyId") == key


def test_the_key_that_somebody_gave_an_endpoint_stays_without_a_setting() -> None:
    settings = {
        "ProductionVariants": [{**VARIANT, "InstanceType": "ml.m5.large"}],
        "KmsKeyId": "theirs",
    }
    assert Security().applied(settings)["KmsKeyId"] == "theirs"


def test_a_serverless_endpoint_is_refused_where_the_settings_ask_for_a_network() -> None:
    settings = {"ProductionVariants": [{**VARIANT, "ServerlessConfig": {}}]}
    with pytest.raises(RegistryError, match=r"security\.subnets"):
        SECURED.applied(settings)


def test_the_function_reads_it_from_its_environment() -> None:
    text = '{"subnets": ["subnet-0a"], "security_groups": ["sg-0a"], "isolated": true}'
    assert Security.from_environment({"SECURITY": text}) == Security(["subnet-0a"], ["sg-0a"], True)
    assert Security.from_environment({}) == Security()
