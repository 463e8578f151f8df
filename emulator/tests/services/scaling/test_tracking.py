"""What a target tracking policy asks for."""

from typing import Any

import pytest

from sagemaker_emulator.services.scaling import tracking
from sagemaker_emulator.services.scaling.tracking import Change

MINUTE = 30_000_000  # since the epoch
NOW = MINUTE * 60.0 + 1


def policy(**changes: Any) -> dict[str, Any]:
    config = {"TargetValue": 100.0, **changes}
    return {
        "PolicyName": "p",
        "ResourceId": "endpoint/e/variant/v",
        "TargetTrackingScalingPolicyConfiguration": config,
    }


def minutes(*values: float) -> dict[int, float]:
    """The values of the last complete minutes, the latest last."""
    return {MINUTE - len(values) + place: value for place, value in enumerate(values)}


def asked(
    values: dict[int, float], count: int = 2, scaled: float | None = None, **changes: Any
) -> int | None:
    """The number of instances that a policy asks for; None where it asks for nothing."""
    change = tracking.change(policy(**changes), values, count, NOW, scaled)
    return change.count if change else None


def test_three_minutes_above_the_target_scale_out_in_proportion() -> None:
    assert asked(minutes(150, 200, 260)) == 6  # 2 x 260 / 100, rounded up


@pytest.mark.parametrize(
    "values", [minutes(260, 260), minutes(260, 100, 260), {MINUTE: 260, **minutes(260, 260)}]
)
def test_less_than_three_complete_minutes_above_it_do_not(values: dict[int, float]) -> None:
    assert asked(values) is None


def test_fifteen_minutes_below_nine_tenths_scale_in_in_proportion() -> None:
    assert asked(minutes(*[10.0] * 14, 40.0), count=4) == 2  # 4 x 40 / 100, rounded up


@pytest.mark.parametrize(
    "values", [minutes(*[10.0] * 14), minutes(*[10.0] * 7, 95.0, *[10.0] * 7), {}]
)
def test_fewer_minutes_below_it_do_not(values: dict[int, float]) -> None:
    assert asked(values, count=4) is None


def test_scaling_in_can_be_disabled() -> None:
    assert asked(minutes(*[10.0] * 15), count=4, DisableScaleIn=True) is None


def test_one_instance_is_left() -> None:
    assert asked(minutes(*[0.0] * 15), count=2) == 1


def test_cooldown_delays_scaling_out_but_not_in() -> None:
    values = minutes(260, 260, 260)
    assert asked(values, scaled=NOW - 200, ScaleOutCooldown=300) is None
    assert asked(values, scaled=NOW - 200, ScaleOutCooldown=120) == 6
    low = minutes(*[10.0] * 15)
    assert asked(low, scaled=NOW - 200, ScaleOutCooldown=300, ScaleInCooldown=120) == 1


def test_cooldown_is_five_minutes_by_default() -> None:
    values = minutes(260, 260, 260)
    assert asked(values, scaled=NOW - 299) is None
    assert asked(values, scaled=NOW - 300) == 6


def test_minutes_before_the_last_scaling_do_not_count() -> None:
    assert asked(minutes(260, 260, 260), scaled=NOW - 30, ScaleOutCooldown=0) is None


def test_cause_names_policy_and_alarm() -> None:
    change = tracking.change(policy(), minutes(260, 260, 260), 1, NOW, None)
    alarm = "TargetTracking-endpoint/e/variant/v-AlarmHigh"
    assert change == Change(3, f"monitor {alarm} in state ALARM triggered policy p")
