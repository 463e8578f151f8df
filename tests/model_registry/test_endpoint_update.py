"""Promotion onto an endpoint that exists, which moto cannot update: against the emulator."""

import pytest

from model_registry import endpoint as endpoints
from model_registry.errors import EndpointBusyError
from model_registry.promotion import promote
from pipelines.serving import endpoint_status, rollout
from pipelines.serving.package_group import version_number
from tests.model_registry.served import PLACEMENT, Busy, existing_endpoint, place, register, rest


def test_an_update_keeps_settings_and_tags_that_others_made(emulated):
    client = emulated
    arns = [register(client) for _ in range(3)]
    promote(client, arns[0], PLACEMENT)
    assert rollout.wait(client, "tally", "tally", 60).status == "InService"
    settings = client.describe_endpoint_config(
        EndpointConfigName=existing_endpoint(client, "tally").config
    )
    variant = {
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


def test_a_busy_endpoint_is_waited_for_or_named(emulated):
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("busy"))
    rest(client, "busy")
    with pytest.raises(EndpointBusyError, match="Endpoint busy is Updating"):
        promote(Busy(client), second, place("busy"))
    done = promote(Busy(client), second, place("busy"), wait_seconds=30)
    assert done.status == "endpoint updated"


def test_a_failed_endpoint_is_made_again_and_keeps_its_settings(emulated):
    client = emulated
    broken, good = register(client, key="crash/model.tar.gz"), register(client)
    promote(client, broken, place("failing"))
    rest(client, "failing")
    assert existing_endpoint(client, "failing").status == "Failed"
    assert promote(client, broken, place("failing")).status == "endpoint created"
    rest(client, "failing")
    done = promote(client, good, place("failing", "ml.c5.large"))
    assert done.status == "endpoint created"
    rest(client, "failing")
    found = endpoint_status.describe(client, "failing")
    assert (found["status"], found["model_package_arn"]) == ("InService", good)
    assert found["instance_type"] == "ml.m5.large"
    assert found["replaced_config"] == done.replaced_config_name


def test_a_weight_that_was_changed_while_serving_stays(emulated):
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("weighted"))
    rest(client, "weighted")
    wanted = {"VariantName": "AllTraffic", "DesiredWeight": 0.5}
    client.update_endpoint_weights_and_capacities(
        EndpointName="weighted", DesiredWeightsAndCapacities=[wanted]
    )
    promote(client, second, place("weighted"))
    rest(client, "weighted")
    (variant,) = client.describe_endpoint(EndpointName="weighted")["ProductionVariants"]
    assert variant["CurrentWeight"] == 0.5


def test_only_the_variant_with_most_of_the_traffic_gets_the_version(emulated):
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("variants"))
    rest(client, "variants")
    current = existing_endpoint(client, "variants")
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
    assert models["Main"] == existing_endpoint(client, "variants").model.name != current.model.name
    assert existing_endpoint(client, "variants").model.package == second


def test_a_group_that_counts_from_one_again_gets_models_of_its_own(emulated):
    client = emulated

    def promoted():
        client.create_model_package_group(ModelPackageGroupName="again")
        arn = register(client, group="again")
        promote(client, arn, place("again"))
        rest(client, "again")
        name = existing_endpoint(client, "again").model.name
        client.delete_endpoint(EndpointName="again")
        client.delete_model_package(ModelPackageName=arn)
        client.delete_model_package_group(ModelPackageGroupName="again")
        return arn, name

    (first_arn, first), (second_arn, second) = promoted(), promoted()
    assert first_arn == second_arn
    assert first != second


def test_version_1_of_a_new_group_is_not_that_of_the_deleted_one(emulated):
    client, models = emulated, []
    for expected in ("endpoint created", "endpoint updated"):
        client.create_model_package_group(ModelPackageGroupName="anew")
        arn = register(client, group="anew")
        assert promote(client, arn, place("anew")).status == expected
        rest(client, "anew")
        assert promote(client, arn, place("anew")).status == "already serving"
        models.append(existing_endpoint(client, "anew").model.name)
        client.delete_model_package(ModelPackageName=arn)
        client.delete_model_package_group(ModelPackageGroupName="anew")
    assert models[0] != models[1]
