"""Going back to the version that was served before."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry import endpoint as endpoints
from model_registry import versions
from model_registry.configuration import Placement
from model_registry.errors import RegistryError
from model_registry.promotion import Promotion, promote
from pipelines.serving import endpoint_status, package_group
from pipelines.serving.package_group import version_number
from pipelines.serving.rollback import rollback
from tests.model_registry.served import (
    PLACEMENT,
    Overtaken,
    Register,
    Seen,
    place,
    register,
    rest,
    serving,
)


def test_rollback_without_an_endpoint_or_an_earlier_version_is_refused(
    client: SageMakerClient, register: Register
) -> None:
    with pytest.raises(RegistryError, match="There is no endpoint tally yet"):
        rollback(client, PLACEMENT)
    promote(client, register("Approved"), PLACEMENT)
    with pytest.raises(RegistryError, match="has served no approved version before"):
        rollback(client, PLACEMENT)


def test_rollback_returns_to_the_version_that_an_overtaken_promotion_replaced(
    emulated: SageMakerClient,
) -> None:
    client = emulated
    placement = Placement("overtaken", PLACEMENT.instance_type, PLACEMENT.role_arn)
    arns = [register(client, key=f"{k}model.tar.gz") for k in ("", "slow/", "")]
    now = datetime.now(UTC)

    def decided(arn: str, minutes: float, through: Any = client) -> Promotion:
        when = now - timedelta(minutes=minutes)
        return promote(through, arn, placement, wait_seconds=30, decided_at=when)

    decided(arns[0], 3)
    while endpoint_status.require(client, "overtaken").busy:
        time.sleep(0.1)
    done = decided(arns[2], 1, Overtaken(client, lambda: decided(arns[1], 2)))
    assert done.status == "endpoint updated"
    replaced = endpoints.tags(client, done.endpoint_config_name)[endpoints.REPLACES]
    assert endpoints.read_model(client, replaced).package == arns[1]
    assert replaced == done.replaced_config_name
    package = versions.describe(client, arns[1])
    assert rollback(client, placement, wait_seconds=30).version == package.version


def test_rollback_skips_a_deleted_version(emulated: SageMakerClient) -> None:
    first, second, _ = serving(emulated, "deleted", *["model.tar.gz"] * 3)
    emulated.delete_model_package(ModelPackageName=second)
    assert rollback(emulated, place("deleted"), wait_seconds=30).version == version_number(first)
    rest(emulated, "deleted")
    emulated.delete_model_package(ModelPackageName=first)
    promote(emulated, register(emulated), place("deleted"))
    rest(emulated, "deleted")
    with pytest.raises(RegistryError, match=f"version {version_number(first)} is deleted"):
        rollback(emulated, place("deleted"))


def test_rollback_never_serves_a_new_version_with_the_number_of_a_deleted_one(
    emulated: SageMakerClient,
) -> None:
    emulated.create_model_package_group(ModelPackageGroupName="counted-again")
    old = register(emulated, group="counted-again")
    promote(emulated, old, place("counted-again"))
    rest(emulated, "counted-again")
    promote(emulated, register(emulated), place("counted-again"))
    rest(emulated, "counted-again")
    emulated.delete_model_package(ModelPackageName=old)
    emulated.delete_model_package_group(ModelPackageGroupName="counted-again")
    emulated.create_model_package_group(ModelPackageGroupName="counted-again")
    assert register(emulated, group="counted-again") == old  # approved, and never served
    with pytest.raises(RegistryError, match="version 1 is deleted"):
        rollback(emulated, place("counted-again"))


def test_rollback_goes_back_version_by_version_past_rejected_ones(
    emulated: SageMakerClient,
) -> None:
    first, rejected, second, _ = serving(emulated, "steps", *["model.tar.gz"] * 4)
    package_group.decide(emulated, "tally", package_group.REJECTED, version_number(rejected))
    for arn in (second, first):
        assert rollback(emulated, place("steps"), wait_seconds=30).model_package_arn == arn
        rest(emulated, "steps")
    with pytest.raises(RegistryError, match="no approved version before"):
        rollback(emulated, place("steps"))


def test_rollback_without_the_configuration_in_use_says_that_it_is_deleted(
    emulated: SageMakerClient,
) -> None:
    serving(emulated, "config-gone", *["model.tar.gz"] * 2)
    config = endpoint_status.require(emulated, "config-gone").config
    emulated.delete_endpoint_config(EndpointConfigName=config)
    with pytest.raises(RegistryError, match=f"configuration {config} has been deleted"):
        rollback(emulated, place("config-gone"))


def test_rollback_without_an_earlier_configuration_names_it(emulated: SageMakerClient) -> None:
    serving(emulated, "earlier-gone", *["model.tar.gz"] * 2)
    config = endpoint_status.require(emulated, "earlier-gone").config
    earlier = endpoints.tags(emulated, config)[endpoints.REPLACES]
    emulated.delete_endpoint_config(EndpointConfigName=earlier)
    with pytest.raises(RegistryError, match=f"configuration {earlier}, .* has been deleted"):
        rollback(emulated, place("earlier-gone"))


def test_rollback_keeps_the_endpoints_settings(emulated: SageMakerClient) -> None:
    serving(emulated, "kept", "model.tar.gz")
    config = endpoint_status.require(emulated, "kept").config
    (variant,) = emulated.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    emulated.create_endpoint_config(
        EndpointConfigName="kept-by-hand", ProductionVariants=[{**variant, "VariantName": "Bins"}]
    )
    emulated.update_endpoint(EndpointName="kept", EndpointConfigName="kept-by-hand")
    rest(emulated, "kept")
    serving(emulated, "kept", "model.tar.gz", "model.tar.gz")
    rollback(emulated, place("kept"), wait_seconds=30)
    rest(emulated, "kept")
    assert endpoint_status.describe(emulated, "kept")["variants"] == ["Bins"]


def test_rollback_of_an_endpoint_that_was_deleted_and_created_again(
    emulated: SageMakerClient,
) -> None:
    (first,) = serving(emulated, "recreated")

    class Deleted(Seen):
        def update_endpoint(self, **request: Any) -> Any:
            emulated.delete_endpoint(EndpointName="recreated")
            return emulated.update_endpoint(**request)

    client: Any = Deleted(emulated)
    promote(client, register(emulated), place("recreated"), wait_seconds=30)
    rest(emulated, "recreated")
    assert rollback(emulated, place("recreated")).version == version_number(first)
