"""What a DeploymentConfig asks for, and what of it is refused."""

from fractions import Fraction
from typing import Any

import pytest

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.endpoints.rollout import Rollout


def shifting(kind: str, **members: Any) -> dict[str, Any]:
    return {"Type": kind, "WaitIntervalInSeconds": 60, **members}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def count(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def blue_green(routing: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **members}}


def rollout(config: dict[str, Any] | None, *instances: int) -> Rollout:
    variants = [{"InitialInstanceCount": number} for number in instances or (1,)]
    return Rollout.of(config, variants)


def steps(config: dict[str, Any], *instances: int) -> list[tuple[Any, int]]:
    return [(step.share, step.wait) for step in rollout(config, *instances).steps]


def test_without_a_configuration_all_traffic_goes_at_once() -> None:
    assert rollout(None).is_at_once


def test_all_at_once_bakes_before_the_old_fleet_ends() -> None:
    config = blue_green(shifting("ALL_AT_ONCE"), TerminationWaitInSeconds=300)
    assert steps(config) == [(1, 300)]


def test_canary_is_a_share_and_then_everything() -> None:
    config = blue_green(shifting("CANARY", CanarySize=percent(10)), TerminationWaitInSeconds=30)
    assert steps(config) == [(Fraction(1, 10), 60), (1, 30)]


def test_canary_by_instances_is_their_part_of_the_variant() -> None:
    config = blue_green(shifting("CANARY", CanarySize=count(1)))
    assert steps(config, 4) == [(Fraction(1, 4), 60), (1, 0)]


def test_canary_by_instances_is_the_smallest_part_of_several_variants() -> None:
    config = blue_green(shifting("CANARY", CanarySize=count(1)))
    assert steps(config, 2, 5)[0][0] == Fraction(1, 5)


def test_linear_shifts_in_equal_steps_and_what_is_left() -> None:
    config = blue_green(shifting("LINEAR", LinearStepSize=percent(40)))
    assert steps(config) == [(Fraction(2, 5), 60), (Fraction(4, 5), 60), (1, 0)]


def test_rolling_update_bakes_after_every_batch() -> None:
    policy = {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 5}
    assert steps({"RollingUpdatePolicy": policy}) == [(Fraction(1, 2), 5), (1, 5)]


def test_message_of_a_bake_is_worded_as_by_aws() -> None:
    config = blue_green(shifting("CANARY", CanarySize=count(1)), TerminationWaitInSeconds=9)
    messages = [step.message for step in rollout(config, 3).steps]
    assert messages == [
        "Baking for 60 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of "
        "1 instance(s).",
        "Baking for 9 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity.",
    ]


def test_alarms_are_named() -> None:
    alarms = [{"AlarmName": "errors"}, {"AlarmName": "latency"}, {"AlarmName": "errors"}]
    config = {"AutoRollbackConfiguration": {"Alarms": alarms}}
    assert rollout(config).alarms == ("errors", "latency")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (blue_green(shifting("CANARY")), "CANARY needs CanarySize"),
        (blue_green(shifting("LINEAR", CanarySize=percent(10))), "LINEAR takes no CanarySize"),
        (blue_green(shifting("CANARY", CanarySize=percent(51))), "1 to 50 percent"),
        (blue_green(shifting("LINEAR", LinearStepSize=percent(9))), "10 to 50 percent"),
        (
            blue_green(shifting("CANARY", CanarySize=count(1))),
            "of the variant's 1 instance.*CAPACITY_PERCENT",
        ),
        (
            blue_green(
                shifting("ALL_AT_ONCE"),
                TerminationWaitInSeconds=900,
                MaximumExecutionTimeoutInSeconds=600,
            ),
            "MaximumExecutionTimeoutInSeconds is 600, and the waits are 900 seconds",
        ),
        (
            {"RollingUpdatePolicy": {"MaximumBatchSize": percent(4), "WaitIntervalInSeconds": 0}},
            "MaximumBatchSize of 4 percent must be 5 to 50 percent",
        ),
        (
            blue_green(shifting("ALL_AT_ONCE"))
            | {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": percent(50),
                    "WaitIntervalInSeconds": 0,
                }
            },
            "not both",
        ),
        ({"AutoRollbackConfiguration": {"Alarms": [{}]}}, "AlarmName is missing"),
    ],
)
def test_what_aws_refuses_is_refused(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        rollout(config)
