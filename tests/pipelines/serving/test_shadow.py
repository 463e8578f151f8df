"""A shadow beside what serves: what it changes, what it leaves alone, and what it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry import attempts
from model_registry import endpoint as endpoints
from model_registry import shadow as tagged
from model_registry.attempts import Failure
from model_registry.configuration import Placement
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.promotion import ALREADY, SUPERSEDED, UPDATED, promote
from model_registry.shadow import Shadow
from model_registry.versions import describe
from pipelines.serving import endpoint_status, rollout, shadow
from pipelines.serving.package_group import PENDING, REJECTED
from pipelines.serving.rollback import rollback
from tests.model_registry.conftest import Server
from tests.model_registry.served import Overtaken, place, register, rest, serving

Start = Callable[..., Shadow]


@pytest.fixture
def start(emulator: Server, emulated: SageMakerClient) -> Start:
    """Runs a version as a shadow on the endpoint of a name."""
    s3 = emulator.session.client("s3", endpoint_url=emulator.s3_url)

    def run(
        arn: str,
        placement: Placement,
        percent: int = 100,
        instances: int = 1,
        through: Any = emulated,
        **options: Any,
    ) -> Shadow:
        return shadow.start(
            through, describe(emulated, arn), placement, percent, instances,
            **{"wait_seconds": 60, **options}, s3=s3, ecr=boto3.client("ecr", "us-east-1"),
        )  # fmt: skip

    return run


def variants(client: SageMakerClient, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one production variant and the one shadow variant that an endpoint has now."""
    found: dict[str, Any] = {**client.describe_endpoint(EndpointName=name)}
    (production,), (copied,) = found["ProductionVariants"], found[tagged.VARIANTS]
    return production, copied


def test_share_and_instances_are_those_asked_for_and_what_scaled_stays(
    emulated: SageMakerClient, start: Start
) -> None:
    (arn,) = serving(emulated, "shares")
    emulated.update_endpoint_weights_and_capacities(
        EndpointName="shares",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )
    rest(emulated, "shares")
    second = register(emulated, PENDING)
    started = start(second, place("shares"), 25, 2)
    assert (started.percent, started.instances, started.package) == (25, 2, second)
    # SageMaker makes a model from a model package only if that is approved.
    (container,) = emulated.describe_model(ModelName=started.model)["Containers"]
    assert "ModelPackageName" not in container and container["ModelDataUrl"].startswith("s3://")
    production, copied = variants(emulated, "shares")
    assert (production["CurrentInstanceCount"], copied["CurrentInstanceCount"]) == (3, 2)
    assert copied["CurrentWeight"] / production["CurrentWeight"] == 0.25
    assert endpoint_status.require(emulated, "shares").model.package == arn
    # Asked for once more, otherwise: neither share nor number is that of the one before.
    start(second, place("shares"), 50, 1)
    production, copied = variants(emulated, "shares")
    assert (copied["CurrentWeight"], copied["CurrentInstanceCount"]) == (0.5, 1)
    shadow.end(emulated, place("shares"), wait_seconds=60)
    found = emulated.describe_endpoint(EndpointName="shares")
    assert tagged.VARIANTS not in found
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 3


def test_the_change_is_guarded_but_is_no_canary(emulated: SageMakerClient, start: Start) -> None:
    serving(emulated, "guarded-shadow")
    placement = place("guarded-shadow")
    canary = replace(placement.rollout, type="canary", percent=10, bake=1)
    start(register(emulated, PENDING), replace(placement, rollout=canary))
    policy = emulated.describe_endpoint(EndpointName="guarded-shadow")["LastDeploymentConfig"]
    routing = policy["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "ALL_AT_ONCE"
    assert policy["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 1


def test_it_decides_nothing_about_what_answers(emulated: SageMakerClient, start: Start) -> None:
    first, second = serving(emulated, "decided", "model.tar.gz", "slow/model.tar.gz")
    before = endpoints.tags(emulated, endpoint_status.require(emulated, "decided").config)
    third = register(emulated)
    start(third, place("decided"))
    after = endpoints.tags(emulated, endpoint_status.require(emulated, "decided").config)
    assert after == {**before, tagged.SHADOW: third}
    # What was decided before the version that serves is still overtaken, and it still serves.
    decided = datetime.fromisoformat(before[endpoints.DECIDED_AT])
    late = promote(emulated, third, place("decided"), decided_at=decided - timedelta(seconds=1))
    assert late.status == SUPERSEDED
    assert promote(emulated, second, place("decided")).status == ALREADY
    assert variants(emulated, "decided")
    done = rollback(emulated, place("decided"), wait_seconds=60)
    assert (done.model_package_arn, done.ended_shadow) == (first, "version " + third.split("/")[-1])


def test_an_approval_of_another_version_ends_it_as_well(
    emulated: SageMakerClient, start: Start
) -> None:
    serving(emulated, "ended")
    tried, other = register(emulated), register(emulated)
    start(tried, place("ended"))
    done = promote(emulated, other, place("ended"), wait_seconds=60)
    assert (done.status, done.ended_shadow) == (UPDATED, "version " + tried.rpartition("/")[2])
    rest(emulated, "ended")
    assert tagged.VARIANTS not in emulated.describe_endpoint(EndpointName="ended")
    assert tagged.SHADOW not in endpoints.tags(emulated, done.endpoint_config_name)
    # Going back leads to the version that served, not to its shadow.
    back = rollback(emulated, place("ended"), wait_seconds=60)
    assert back.ended_shadow == ""
    rest(emulated, "ended")
    assert tagged.VARIANTS not in emulated.describe_endpoint(EndpointName="ended")


def test_one_made_by_hand_is_named_by_its_model_and_ends_too(emulated: SageMakerClient) -> None:
    serving(emulated, "by-hand")
    made = emulated.describe_endpoint_config(
        EndpointConfigName=endpoint_status.require(emulated, "by-hand").config
    )
    (main,) = made["ProductionVariants"]
    emulated.create_endpoint_config(
        EndpointConfigName="by-hand-shadow",
        ProductionVariants=[main],
        ShadowProductionVariants=[{**main, "VariantName": "Copy", "InitialVariantWeight": 0.5}],
    )
    emulated.update_endpoint(EndpointName="by-hand", EndpointConfigName="by-hand-shadow")
    rest(emulated, "by-hand")
    shown = endpoint_status.describe(emulated, "by-hand")["shadow"]
    assert shown == f"model {main['ModelName']}, copies of 50 % of the requests"
    done = promote(emulated, register(emulated), place("by-hand"), wait_seconds=60)
    assert done.ended_shadow == f"model {main['ModelName']}"


def test_one_that_does_not_start_leaves_everything_as_it_was(
    emulated: SageMakerClient, start: Start
) -> None:
    (arn,) = serving(emulated, "crashed")
    before = endpoint_status.require(emulated, "crashed").config
    told: list[Failure] = []
    with pytest.raises(RegistryError, match=r"(?s)taken back, and version \d+ answers as before"):
        start(register(emulated, PENDING, "crash/model.tar.gz"), place("crashed"))
    now = endpoint_status.require(emulated, "crashed")
    assert (now.status, now.config) == ("InService", before)
    attempts.settle(emulated, now, told.append)
    assert told == [] and attempts.FAILURE not in describe(emulated, arn).metadata
    assert rollout.wait(emulated, "tally", "crashed", 5).config == before


def test_a_promotion_that_meets_it_blames_no_version_for_its_failure(
    emulated: SageMakerClient, start: Start
) -> None:
    """The promotion finds the endpoint changing, and the shadow that it changes to crashes."""
    (arn,) = serving(emulated, "met")
    crashing = register(emulated, PENDING, "crash/model.tar.gz")

    def begin() -> None:
        with pytest.raises(EndpointBusyError, match="shadow` shows whether"):
            start(crashing, place("met"), wait_seconds=0)

    told: list[Failure] = []
    second = register(emulated)
    client: Any = Overtaken(emulated, begin)
    done = promote(client, second, place("met"), wait_seconds=60, announce=told.append)
    assert (done.status, told) == (UPDATED, [])
    rest(emulated, "met")
    assert endpoint_status.require(emulated, "met").model.package == second
    assert attempts.FAILURE not in describe(emulated, arn).metadata


def test_it_waits_for_an_endpoint_that_is_being_changed(
    emulated: SageMakerClient, start: Start
) -> None:
    serving(emulated, "waited")
    slow = register(emulated, key="slow/model.tar.gz")
    promote(emulated, slow, place("waited"), wait_seconds=60)
    start(register(emulated, PENDING), place("waited"))
    assert endpoint_status.require(emulated, "waited").model.package == slow


def test_a_shadow_of_itself_and_a_rejected_version_are_refused(
    emulated: SageMakerClient, start: Start
) -> None:
    (arn,) = serving(emulated, "itself")
    with pytest.raises(RegistryError, match="it would be compared with itself"):
        start(arn, place("itself"))
    with pytest.raises(RegistryError, match=f"is {REJECTED}, so it gets no requests, nor copies"):
        start(register(emulated, "Rejected"), place("itself"))


def test_what_sagemaker_gives_no_shadow_is_refused_with_the_way_out(
    emulated: SageMakerClient, start: Start
) -> None:
    serving(emulated, "two")
    made = emulated.describe_endpoint_config(
        EndpointConfigName=endpoint_status.require(emulated, "two").config
    )
    (main,) = made["ProductionVariants"]
    emulated.create_endpoint_config(
        EndpointConfigName="two-variants",
        ProductionVariants=[{**main, "VariantName": name} for name in ("Blue", "Green")],
    )
    emulated.update_endpoint(EndpointName="two", EndpointConfigName="two-variants")
    rest(emulated, "two")
    with pytest.raises(RegistryError, match="has the production variants Blue, Green, and"):
        start(register(emulated, PENDING), place("two"))
    emulated.create_endpoint_config(
        EndpointConfigName="without-instances",
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": main["ModelName"],
                "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
            }
        ],
    )
    emulated.create_endpoint(
        EndpointName="without-instances", EndpointConfigName="without-instances"
    )
    rest(emulated, "without-instances")
    with pytest.raises(RegistryError, match=r"is serverless.*instances.serverless.memory_mb: 0"):
        start(register(emulated, PENDING), place("without-instances"))


def test_an_endpoint_that_does_not_serve_gets_no_shadow(
    emulated: SageMakerClient, start: Start
) -> None:
    promote(emulated, register(emulated, key="crash/model.tar.gz"), place("broken-shadow"))
    rest(emulated, "broken-shadow")
    with pytest.raises(RegistryError, match=r"Failed.*promote VERSION"):
        start(register(emulated, PENDING), place("broken-shadow"))


def test_percent_of_weights_and_a_configuration_without_one() -> None:
    made = {"CreationTime": datetime.now(UTC), "ProductionVariants": [{}]}
    assert tagged.of(made, {}) is None
    one = {"VariantName": "Copy", "ModelName": "m", "InitialVariantWeight": 3.0}
    for weight, percent in ((4.0, 75), (2.0, 100), (0.0, 100)):
        made["ProductionVariants"] = [{"InitialVariantWeight": weight}]
        found = tagged.of({**made, tagged.VARIANTS: [one]}, {tagged.SHADOW: tagged.ENDED})
        assert found and (found.percent, found.named) == (percent, "model m")
