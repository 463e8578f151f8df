"""Target tracking: how many instances a measured number of invocations asks for.

Rules: Application Auto Scaling user guide, "Target tracking scaling policies", and SageMaker
developer guide, "Automatic scaling". A policy scales out when the metric was above its target in
each of the last three minutes, and in when it was below nine tenths of it in each of the last
fifteen. A minute without invocations has no value, so a variant that is never invoked is not
scaled in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sagemaker_emulator.storage.store import Document

OUT_MINUTES, IN_MINUTES = 3, 15
IN_SHARE = 0.9
COOLDOWN_SECONDS = 300  # the default of SageMaker's endpoint variants


@dataclass(frozen=True)
class Change:
    """What a policy wants.

    Attributes:
        count: how many instances, within no bounds yet.
        cause: the alarm that asks for it, in AWS's words.
    """

    count: int
    cause: str


def change(
    policy: Document, values: Mapping[int, float], count: int, now: float, scaled: float | None
) -> Change | None:
    """What a policy wants; None where it is content, or must wait.

    Args:
        policy: the policy's document.
        values: the invocations for each instance, by the minute since the epoch.
        count: how many instances there are.
        now: in seconds since the epoch.
        scaled: when the last scaling activity ended, in seconds since the epoch; None: never.
    """
    config = policy["TargetTrackingScalingPolicyConfiguration"]
    target, last = config["TargetValue"], int(now // 60) - 1
    # What was measured with another number of instances says nothing of the present one.
    if scaled is not None and last * 60 < scaled:
        return None
    latest = [values.get(last - back) for back in range(IN_MINUTES)]
    recent = [value for value in latest[:OUT_MINUTES] if value is not None and value > target]
    if len(recent) == OUT_MINUTES and _waited(config, "ScaleOutCooldown", now, scaled):
        return Change(math.ceil(count * recent[0] / target), _cause(policy, "High"))
    low = [value for value in latest if value is not None and value < IN_SHARE * target]
    if (
        len(low) == IN_MINUTES
        and not config.get("DisableScaleIn", False)
        and _waited(config, "ScaleInCooldown", now, scaled)
    ):
        wanted = max(math.ceil(count * max(low) / target), 1)
        return Change(wanted, _cause(policy, "Low")) if wanted < count else None
    return None


def _waited(config: Document, cooldown: str, now: float, scaled: float | None) -> bool:
    return scaled is None or now - scaled >= config.get(cooldown, COOLDOWN_SECONDS)


def _cause(policy: Document, which: str) -> str:
    alarm = f"TargetTracking-{policy['ResourceId']}-Alarm{which}"
    return f"monitor {alarm} in state ALARM triggered policy {policy['PolicyName']}"
