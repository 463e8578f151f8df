"""What gets in between: decisions, deletions and failures while an endpoint is being changed."""

from datetime import UTC, datetime, timedelta

import pytest

from model_registry import endpoint as endpoints
from model_registry.errors import EndpointBusyError, NotApprovedError
from model_registry.promotion import promote
from pipelines.serving import endpoint_status, package_group
from pipelines.serving.package_group import version_number
from tests.model_registry.served import Seen, place, register, rest, serving

GROUP = "tally"


def test_a_version_that_is_rejected_while_its_turn_is_waited_for_is_not_served(emulated):
    (first,) = serving(emulated, "rejected")
    second = register(emulated)
    client = Seen(
        emulated,
        lambda: package_group.decide(
            emulated, GROUP, package_group.REJECTED, version_number(second)
        ),
        EndpointStatus="Updating",
    )
    with pytest.raises(NotApprovedError, match="is Rejected"):
        promote(client, second, place("rejected"), wait_seconds=30)
    assert endpoints.read(emulated, "rejected").next_model.package == first


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
    assert endpoint_status.describe(client, "moved")["version"] == version_number(third)
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
    assert endpoint_status.describe(emulated, "again-made")["instance_type"] == "ml.m5.large"


def test_an_endpoint_that_goes_just_before_it_is_changed_is_made_again(emulated):
    serving(emulated, "gone")

    class Deleted(Seen):
        def update_endpoint(self, **request):
            emulated.delete_endpoint(EndpointName="gone")
            return emulated.update_endpoint(**request)

    second = register(emulated)
    done = promote(Deleted(emulated), second, place("gone", "ml.c5.large"), wait_seconds=30)
    rest(emulated, "gone")
    assert done.status == "endpoint created"
    assert endpoint_status.describe(emulated, "gone")["instance_type"] == "ml.m5.large"


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
    assert endpoints.read(client, "backing").next_model.package == first
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
