"""Promotion onto an endpoint that exists, which moto cannot update: against the emulator."""

from __future__ import annotations

from typing import Any

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry import endpoint as endpoints
from model_registry.errors import EndpointBusyError
from model_registry.promotion import promote
from pipelines.serving import endpoint_status, rollout
from pipelines.serving.package_group import version_number
from tests.model_registry.served import PLACEMENT, Busy, place, register, rest


def test_an_update_keeps_settings_and_tags_that_others_made(emulated: SageMakerClient) -> None:
    client = emulated
    arns = [register(client) for _ in range(3)]
    promote(client, arns[0], PLACEMENT)
    assert rollout.wait(client, "tally", "tally", 60).status == "InService"
    settings = client.describe_endpoint_config(
        EndpointConfigName=endpoint_status.require(client, "tally").config
    )
    variant: Any = {
        **settings["ProductionVariants"][0],
        "VariantName": "Bins",
        "ContainerStartupHealthCheckTimeoutInSeconds": 120,
    }
    key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    client.create_endpoint_config(
        EndpointConfigName="by-hand",
        ProductionVariants=[variant],
        KmsKeyId=key,
        Tags=[{"Key": "team", "Value": "stock"}],
    )
    client.update_endpoint(EndpointName="tally", EndpointConfigName="by-hand")
    rest(client)

    for arn in arns[1:]:
        assert promote(client, arn, PLACEMENT, wait_seconds=30).status == "endpoint updated"
        rest(client)
    found = endpoint_status.describe(client, "tally")
    kept = client.describe_endpoint_config(EndpointConfigName=found["endpoint_config"])
    assert found["version"] == version_number(arns[2])
    assert kept["KmsKeyId"] == key
    assert kept["ProductionVariants"] == [{**variant, "ModelName": found["model"]}]
    assert endpoints.tags(client, found["endpoint_config"])["team"] == "stock"


def test_promotion_waits_for_a_busy_endpoint_or_names_it(emulated: SageMakerClient) -> None:
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("busy"))
    rest(client, "busy")
    busy: Any = Busy(client)
    with pytest.raises(EndpointBusyError, match="Endpoint busy is Updating"):
        promote(busy, second, place("busy"))
    busy = Busy(client)
    done = promote(busy, second, place("busy"), wait_seconds=30)
    assert done.status == "endpoint updated"


def test_a_failed_endpoint_is_created_again_with_its_settings(emulated: SageMakerClient) -> None:
    client = emulated
    broken, good = register(client, key="crash/model.tar.gz"), register(client)
    promote(client, broken, place("failing"))
    rest(client, "failing")
    assert endpoint_status.require(client, "failing").status == "Failed"
    assert promote(client, broken, place("failing")).status == "endpoint created"
    rest(client, "failing")
    done = promote(client, good, place("failing", "ml.c5.large"))
    assert done.status == "endpoint created"
    rest(client, "failing")
    found = endpoint_status.describe(client, "failing")
    assert (found["status"], found["model_package_arn"]) == ("InService", good)
    assert found["instance_type"] == "ml.m5.large"
    assert found["replaced_config"] == done.replaced_config_name


def test_promotion_keeps_a_weight_that_was_changed_while_serving(emulated: SageMakerClient) -> None:
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("weighted"))
    rest(client, "weighted")
    client.update_endpoint_weights_and_capacities(
        EndpointName="weighted",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredWeight": 0.5}],
    )
    promote(client, second, place("weighted"))
    rest(client, "weighted")
    (variant,) = client.describe_endpoint(EndpointName="weighted")["ProductionVariants"]
    assert variant["CurrentWeight"] == 0.5


def test_only_the_variant_with_the_largest_weight_gets_the_version(
    emulated: SageMakerClient,
) -> None:
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("variants"))
    rest(client, "variants")
    current = endpoint_status.require(client, "variants")
    settings = client.describe_endpoint_config(EndpointConfigName=current.config)
    (given,) = settings["ProductionVariants"]
    client.create_endpoint_config(
        EndpointConfigName="two-variants",
        ProductionVariants=[
            {**given, "VariantName": name, "InitialVariantWeight": weight}
            for name, weight in (("Trial", 0.1), ("Main", 0.9))
        ],
    )
    client.update_endpoint(EndpointName="variants", EndpointConfigName="two-variants")
    rest(client, "variants")
    done = promote(client, second, place("variants"))
    rest(client, "variants")
    kept = client.describe_endpoint_config(EndpointConfigName=done.endpoint_config_name)
    models = {v["VariantName"]: v["ModelName"] for v in kept["ProductionVariants"]}
    assert models["Trial"] == current.model.name
    assert (
        models["Main"]
        == endpoint_status.require(client, "variants").model.name
        != current.model.name
    )
    assert endpoint_status.require(client, "variants").model.package == second


def test_version_1_of_a_recreated_group_gets_a_model_of_its_own(emulated: SageMakerClient) -> None:
    client = emulated

    def promoted() -> tuple[str, str]:
        client.create_model_package_group(ModelPackageGroupName="again")
        arn = register(client, group="again")
        promote(client, arn, place("again"))
        rest(client, "again")
        name = endpoint_status.require(client, "again").model.name
        client.delete_endpoint(EndpointName="again")
        client.delete_model_package(ModelPackageName=arn)
        client.delete_model_package_group(ModelPackageGroupName="again")
        return arn, name

    (first_arn, first), (second_arn, second) = promoted(), promoted()
    assert first_arn == second_arn
    assert first != second


def test_version_1_of_a_recreated_group_replaces_version_1_of_the_deleted_one(
    emulated: SageMakerClient,
) -> None:
    client, models = emulated, []
    for expected in ("endpoint created", "endpoint updated"):
        client.create_model_package_group(ModelPackageGroupName="anew")
        arn = register(client, group="anew")
        assert promote(client, arn, place("anew")).status == expected
        rest(client, "anew")
        assert promote(client, arn, place("anew")).status == "already serving"
        models.append(endpoint_status.require(client, "anew").model.name)
        client.delete_model_package(ModelPackageName=arn)
        client.delete_model_package_group(ModelPackageGroupName="anew")
    assert models[0] != models[1]
