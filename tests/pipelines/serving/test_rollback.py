"""Going back to the version that was served before."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from model_registry import endpoint as endpoints
from model_registry import versions
from model_registry.errors import RegistryError
from model_registry.promotion import Placement, promote
from pipelines.serving import endpoint_status, package_group
from pipelines.serving.package_group import version_number
from pipelines.serving.rollback import rollback
from tests.model_registry.served import PLACEMENT, Overtaken, Seen, place, register, rest, serving


def test_rollback_without_an_endpoint_or_a_version_before_says_so(client, register):
    with pytest.raises(RegistryError, match="There is no endpoint tally yet"):
        rollback(client, PLACEMENT)
    promote(client, register("Approved"), PLACEMENT)
    with pytest.raises(RegistryError, match="has served no approved version before"):
        rollback(client, PLACEMENT)


def test_a_rollback_goes_to_what_an_overtaken_promotion_really_replaced(emulated):
    client = emulated
    placement = Placement("overtaken", PLACEMENT.instance_type, PLACEMENT.role_arn)
    arns = [register(client, key=f"{k}model.tar.gz") for k in ("", "slow/", "")]
    now = datetime.now(UTC)

    def decided(arn, minutes, through=client):
        when = now - timedelta(minutes=minutes)
        return promote(through, arn, placement, wait_seconds=30, decided_at=when)

    decided(arns[0], 3)
    while endpoints.read(client, "overtaken").busy:
        time.sleep(0.1)
    done = decided(arns[2], 1, Overtaken(client, lambda: decided(arns[1], 2)))
    assert done.status == "endpoint updated"
    replaced = endpoints.tags(client, done.endpoint_config_name)[endpoints.REPLACES]
    assert endpoints.read_model(client, replaced).package == arns[1]
    assert replaced == done.replaced_config_name
    package = versions.describe(client, arns[1])
    assert rollback(client, placement, wait_seconds=30).version == package.version


def test_a_rollback_passes_over_a_version_that_was_deleted(emulated):
    first, second, _ = serving(emulated, "deleted", *["model.tar.gz"] * 3)
    emulated.delete_model_package(ModelPackageName=second)
    assert rollback(emulated, place("deleted"), wait_seconds=30).version == version_number(first)
    rest(emulated, "deleted")
    emulated.delete_model_package(ModelPackageName=first)
    promote(emulated, register(emulated), place("deleted"))
    rest(emulated, "deleted")
    with pytest.raises(RegistryError, match=f"version {version_number(first)} is deleted"):
        rollback(emulated, place("deleted"))


def test_a_rollback_serves_no_version_of_the_number_of_one_that_was_deleted(emulated):
    group = {"ModelPackageGroupName": "counted-again"}
    emulated.create_model_package_group(**group)
    old = register(emulated, group="counted-again")
    promote(emulated, old, place("counted-again"))
    rest(emulated, "counted-again")
    promote(emulated, register(emulated), place("counted-again"))
    rest(emulated, "counted-again")
    emulated.delete_model_package(ModelPackageName=old)
    emulated.delete_model_package_group(**group)
    emulated.create_model_package_group(**group)
    assert register(emulated, group="counted-again") == old  # approved, and never served
    with pytest.raises(RegistryError, match="version 1 is deleted"):
        rollback(emulated, place("counted-again"))


def test_rollback_goes_back_version_by_version_past_rejected_ones(emulated):
    first, rejected, second, _ = serving(emulated, "steps", *["model.tar.gz"] * 4)
    package_group.decide(emulated, "tally", package_group.REJECTED, version_number(rejected))
    for arn in (second, first):
        assert rollback(emulated, place("steps"), wait_seconds=30).model_package_arn == arn
        rest(emulated, "steps")
    with pytest.raises(RegistryError, match="no approved version before"):
        rollback(emulated, place("steps"))


def test_rollback_keeps_the_endpoints_settings(emulated):
    serving(emulated, "kept", "model.tar.gz")
    config = endpoints.read(emulated, "kept").config
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


def test_rollback_of_an_endpoint_that_was_deleted_and_created_again(emulated):
    (first,) = serving(emulated, "recreated")

    class Deleted(Seen):
        def update_endpoint(self, **request):
            emulated.delete_endpoint(EndpointName="recreated")
            return emulated.update_endpoint(**request)

    promote(Deleted(emulated), register(emulated), place("recreated"), wait_seconds=30)
    rest(emulated, "recreated")
    assert rollback(emulated, place("recreated")).version == version_number(first)
