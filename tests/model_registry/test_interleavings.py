"""What gets in between: decisions, deletions and failures while an endpoint is being changed."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from model_registry import endpoint as endpoints
from model_registry import versions
from model_registry.errors import EndpointBusyError, NotApprovedError, RegistryError
from model_registry.promotion import promote, rollback
from pipelines.serving import rollout
from tests.model_registry.served import PLACEMENT, place, register, rest

GROUP = "tally"


class Seen:
    """A client whose endpoint looks otherwise at the first look, after which something happens."""

    def __init__(self, client, after=lambda: None, always=False, **fields):
        self._client, self._after, self._always, self._fields = client, after, always, fields

    def __getattr__(self, name):
        return getattr(self._client, name)

    def describe_endpoint(self, **request):
        fields, found = self._fields, self._client.describe_endpoint(**request)
        if not self._always:
            self._fields = {}
        if fields:
            self._after()
        return found | fields


def serving(client, name, *keys):
    """An endpoint that has served a version for each archive, one after the other."""
    arns = [register(client, key=key) for key in keys or ("model.tar.gz",)]
    for arn in arns:
        promote(client, arn, place(name), wait_seconds=30)
        rest(client, name)
    return arns


def number(arn):
    return endpoints.version_number(arn)


def test_a_version_that_is_rejected_while_its_turn_is_waited_for_is_not_served(emulated):
    (first,) = serving(emulated, "rejected")
    second = register(emulated)
    client = Seen(
        emulated,
        lambda: versions.reject(emulated, GROUP, number(second)),
        EndpointStatus="Updating",
    )
    with pytest.raises(NotApprovedError, match="is Rejected"):
        promote(client, second, place("rejected"), wait_seconds=30)
    assert endpoints.read(emulated, "rejected").wanted_package == first


def test_a_rollback_passes_over_a_version_that_was_deleted(emulated):
    first, second, _ = serving(emulated, "deleted", *["model.tar.gz"] * 3)
    emulated.delete_model_package(ModelPackageName=second)
    assert rollback(emulated, place("deleted"), wait_seconds=30).version == number(first)
    rest(emulated, "deleted")
    emulated.delete_model_package(ModelPackageName=first)
    promote(emulated, register(emulated), place("deleted"))
    rest(emulated, "deleted")
    with pytest.raises(RegistryError, match=f"version {number(first)} is deleted"):
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


def test_a_version_goes_where_the_traffic_was_moved_to(emulated):
    client = emulated
    serving(client, "moved")
    settings = client.describe_endpoint_config(
        EndpointConfigName=endpoints.read(client, "moved").config
    )
    (given,) = settings["ProductionVariants"]
    client.create_endpoint_config(
        EndpointConfigName="moved-two",
        ProductionVariants=[
            {**given, "VariantName": "Blue", "InitialVariantWeight": 1.0},
            {**given, "VariantName": "Green", "InitialVariantWeight": 0.0},
        ],
    )
    client.update_endpoint(EndpointName="moved", EndpointConfigName="moved-two")
    rest(client, "moved")
    client.update_endpoint_weights_and_capacities(
        EndpointName="moved",
        DesiredWeightsAndCapacities=[
            {"VariantName": "Blue", "DesiredWeight": 0.0},
            {"VariantName": "Green", "DesiredWeight": 1.0},
        ],
    )
    third = register(client)
    done = promote(client, third, place("moved"), wait_seconds=30)
    rest(client, "moved")
    kept = client.describe_endpoint_config(EndpointConfigName=done.endpoint_config_name)
    models = {v["VariantName"]: v["ModelName"] for v in kept["ProductionVariants"]}
    assert models["Blue"] == given["ModelName"] != models["Green"]
    now = client.describe_endpoint(EndpointName="moved")["ProductionVariants"]
    assert {v["VariantName"]: v["CurrentWeight"] for v in now} == {"Blue": 0.0, "Green": 1.0}
    assert endpoints.describe(client, "moved")["version"] == number(third)
    assert promote(client, third, place("moved")).status == "already serving"


def test_an_endpoint_that_another_promotion_deletes_to_make_it_again_keeps_its_settings(emulated):
    promote(emulated, register(emulated, key="crash/model.tar.gz"), place("again-made"))
    rest(emulated, "again-made")
    client = Seen(
        emulated,
        lambda: emulated.delete_endpoint(EndpointName="again-made"),
        EndpointStatus="Deleting",
    )
    done = promote(client, register(emulated), place("again-made", "ml.c5.large"), wait_seconds=30)
    rest(emulated, "again-made")
    assert done.status == "endpoint created"
    assert endpoints.describe(emulated, "again-made")["instance_type"] == "ml.m5.large"


def test_an_endpoint_that_goes_just_before_it_is_changed_is_made_again(emulated):
    (first,) = serving(emulated, "gone")

    class Deleted(Seen):
        def update_endpoint(self, **request):
            emulated.delete_endpoint(EndpointName="gone")
            return emulated.update_endpoint(**request)

    second = register(emulated)
    done = promote(Deleted(emulated), second, place("gone", "ml.c5.large"), wait_seconds=30)
    rest(emulated, "gone")
    assert done.status == "endpoint created"
    assert endpoints.describe(emulated, "gone")["instance_type"] == "ml.m5.large"
    assert rollback(emulated, place("gone")).version == number(first)


def test_what_is_being_rolled_back_is_not_already_serving(emulated):
    (first,) = serving(emulated, "backing")
    second = register(emulated)
    config = promote(emulated, second, place("backing")).endpoint_config_name
    rest(emulated, "backing")
    promote(emulated, first, place("backing"))
    rest(emulated, "backing")
    client = Seen(
        emulated,
        always=True,
        EndpointStatus="RollingBack",
        PendingDeploymentSummary={"EndpointConfigName": config},
    )
    assert endpoints.read(client, "backing").wanted_package == first
    with pytest.raises(EndpointBusyError, match="is RollingBack"):
        promote(client, second, place("backing"))


def test_what_is_being_deleted_is_not_already_serving(emulated):
    (arn,) = serving(emulated, "going")
    with pytest.raises(EndpointBusyError, match="is Deleting"):
        promote(Seen(emulated, EndpointStatus="Deleting"), arn, place("going"))


@pytest.mark.parametrize("status", ["OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_is_not_well_is_not_already_serving(emulated, status):
    name = f"unwell-{status.lower()}"
    (arn,) = serving(emulated, name)
    done = promote(Seen(emulated, EndpointStatus=status), arn, place(name))
    assert done.status == "endpoint updated"
    rest(emulated, name)


def test_what_is_decided_now_comes_after_a_decision_by_a_clock_that_is_ahead(emulated):
    ahead = datetime.now(UTC) + timedelta(hours=1)
    promote(emulated, register(emulated), place("clocks"), decided_at=ahead)
    rest(emulated, "clocks")
    assert promote(emulated, register(emulated), place("clocks")).status == "endpoint updated"


def test_of_an_approved_version_that_cannot_be_served_the_reason_is_said(emulated):
    group = {"ModelPackageGroupName": "broken"}
    emulated.create_model_package_group(**group)
    promote(emulated, register(emulated, group="broken"), place("broken"))
    rest(emulated, "broken")
    arn = register(emulated, "PendingManualApproval", "gone/model.tar.gz", "broken")
    versions.approve(emulated, "broken", number(arn))
    promote(emulated, arn, place("broken"))
    begun = time.monotonic()
    with pytest.raises(
        RegistryError, match=r"Version 2 is approved, but could not be deployed: .*gone"
    ):
        rollout.wait(emulated, "broken", "broken", 60)
    assert time.monotonic() - begun < rollout.RULE_SECONDS / 2
    assert endpoints.describe(emulated, "broken")["version"] == 1


def test_a_version_for_another_endpoint_is_not_waited_for(client, register):
    here = register("Approved", endpoint_name="tally")
    promote(client, here, PLACEMENT, decided_at=datetime.now(UTC) - timedelta(minutes=1))
    register("Approved", endpoint_name="tally-north")
    assert rollout.wait(client, GROUP, "tally", 0).package == here
