"""What gets in between: decisions, deletions and failures while an endpoint is being changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry.errors import EndpointBusyError, NotApprovedError
from model_registry.promotion import promote
from pipelines.serving import endpoint_status, package_group
from pipelines.serving.package_group import version_number
from tests.model_registry.served import Seen, place, register, rest, serving

GROUP = "tally"


def test_a_version_that_is_rejected_while_promotion_waits_is_not_served(
    emulated: SageMakerClient,
) -> None:
    (first,) = serving(emulated, "rejected")
    second = register(emulated)
    client: Any = Seen(
        emulated,
        lambda: package_group.decide(
            emulated, GROUP, package_group.REJECTED, version_number(second)
        ),
        EndpointStatus="Updating",
    )
    with pytest.raises(NotApprovedError, match="is Rejected"):
        promote(client, second, place("rejected"), wait_seconds=30)
    assert endpoint_status.require(emulated, "rejected").next_model.package == first


def test_the_variant_with_most_of_the_present_traffic_gets_the_version(
    emulated: SageMakerClient,
) -> None:
    client = emulated
    serving(client, "moved")
    settings = client.describe_endpoint_config(
        EndpointConfigName=endpoint_status.require(client, "moved").config
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


def test_an_endpoint_that_is_deleted_while_promotion_waits_keeps_its_settings(
    emulated: SageMakerClient,
) -> None:
    promote(emulated, register(emulated, key="crash/model.tar.gz"), place("again-made"))
    rest(emulated, "again-made")
    client: Any = Seen(
        emulated,
        lambda: emulated.delete_endpoint(EndpointName="again-made"),
        EndpointStatus="Deleting",
    )
    done = promote(client, register(emulated), place("again-made", "ml.c5.large"), wait_seconds=30)
    rest(emulated, "again-made")
    assert done.status == "endpoint created"
    assert endpoint_status.describe(emulated, "again-made")["instance_type"] == "ml.m5.large"


def test_an_endpoint_that_is_deleted_just_before_its_update_is_created_again(
    emulated: SageMakerClient,
) -> None:
    serving(emulated, "gone")

    class Deleted(Seen):
        def update_endpoint(self, **request: Any) -> Any:
            emulated.delete_endpoint(EndpointName="gone")
            return emulated.update_endpoint(**request)

    second = register(emulated)
    client: Any = Deleted(emulated)
    done = promote(client, second, place("gone", "ml.c5.large"), wait_seconds=30)
    rest(emulated, "gone")
    assert done.status == "endpoint created"
    assert endpoint_status.describe(emulated, "gone")["instance_type"] == "ml.m5.large"


def test_a_version_that_is_being_rolled_back_does_not_count_as_serving(
    emulated: SageMakerClient,
) -> None:
    (first,) = serving(emulated, "backing")
    second = register(emulated)
    config = promote(emulated, second, place("backing")).endpoint_config_name
    rest(emulated, "backing")
    promote(emulated, first, place("backing"))
    rest(emulated, "backing")
    client: Any = Seen(
        emulated,
        always=True,
        EndpointStatus="RollingBack",
        PendingDeploymentSummary={"EndpointConfigName": config},
    )
    assert endpoint_status.require(client, "backing").next_model.package == first
    with pytest.raises(EndpointBusyError, match="is RollingBack"):
        promote(client, second, place("backing"))


def test_a_version_of_an_endpoint_being_deleted_does_not_count_as_serving(
    emulated: SageMakerClient,
) -> None:
    (arn,) = serving(emulated, "going")
    client: Any = Seen(emulated, EndpointStatus="Deleting")
    with pytest.raises(EndpointBusyError, match="is Deleting"):
        promote(client, arn, place("going"))


@pytest.mark.parametrize("status", ["OutOfService", "UpdateRollbackFailed"])
def test_a_version_of_a_broken_endpoint_does_not_count_as_serving(
    emulated: SageMakerClient, status: str
) -> None:
    name = f"unwell-{status.lower()}"
    (arn,) = serving(emulated, name)
    client: Any = Seen(emulated, EndpointStatus=status)
    done = promote(client, arn, place(name))
    assert done.status == "endpoint updated"
    rest(emulated, name)


def test_a_decision_of_now_overrides_one_by_a_clock_that_is_ahead(
    emulated: SageMakerClient,
) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    promote(emulated, register(emulated), place("clocks"), decided_at=ahead)
    rest(emulated, "clocks")
    assert promote(emulated, register(emulated), place("clocks")).status == "endpoint updated"
