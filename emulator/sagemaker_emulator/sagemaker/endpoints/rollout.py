"""What a DeploymentConfig asks for: the steps in which a new fleet gets an endpoint's requests.

Contract: SageMaker developer guide, "Deployment guardrails", and the API reference's limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sagemaker_emulator.errors import ApiError, invalid

ALL = Fraction(1)
# Where MaximumExecutionTimeoutInSeconds is not set: the longest that may be.
LONGEST_SECONDS = 28_800
_HALF = 50  # percent: the most that one step may take


@dataclass(frozen=True)
class Step:
    """One shift of traffic, and the bake after it.

    Attributes:
        share: the new fleet's share of the requests, of 1.
        wait: how long to bake, in seconds.
        member: the member that says how long.
        capacity: the share in words: `canary capacity of 10 percent`.
    """

    share: Fraction
    wait: int
    member: str
    capacity: str

    @property
    def message(self) -> str:
        """The StatusMessage while it bakes, in AWS's words."""
        waits = f"Baking for {self.wait} seconds ({self.member})"
        return f"{waits} with traffic enabled on {self.capacity}."


@dataclass(frozen=True)
class Rollout:
    """How an update of an endpoint is carried out.

    Attributes:
        steps: the shifts of traffic in order; the last one is of all traffic.
        timeout: seconds that all of it may take.
        alarms: the names of the alarms that roll it back.
    """

    steps: tuple[Step, ...] = (Step(ALL, 0, "TerminationWaitInSeconds", "full capacity"),)
    timeout: int = LONGEST_SECONDS
    alarms: tuple[str, ...] = ()

    @property
    def is_at_once(self) -> bool:
        """Whether it only changes over, without a wait and without an alarm."""
        return len(self.steps) == 1 and not self.steps[0].wait and not self.alarms

    @classmethod
    def of(cls, config: Mapping[str, Any] | None, variants: Sequence[Mapping[str, Any]]) -> Rollout:
        """Read a DeploymentConfig.

        Args:
            config: of the request; None: all traffic at once.
            variants: the production variants of the new configuration.

        Raises:
            ApiError: a member is missing, superfluous or beyond its limits.
        """
        if not config:
            return cls()
        blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
        if blue_green and rolling:
            raise _invalid("set BlueGreenUpdatePolicy or RollingUpdatePolicy, not both.")
        if rolling:
            steps, policy = _rolling(rolling, variants), rolling
        else:
            policy = blue_green or {}
            steps = _blue_green(policy, variants)
        timeout = policy.get("MaximumExecutionTimeoutInSeconds", LONGEST_SECONDS)
        waits = sum(step.wait for step in steps)
        if waits >= timeout:
            raise _invalid(
                f"MaximumExecutionTimeoutInSeconds is {timeout}, and the waits are {waits} seconds "
                "in all; it must be longer."
            )
        alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
        names = tuple(dict.fromkeys(alarm.get("AlarmName", "") for alarm in alarms))
        if not all(names):
            raise _invalid("AutoRollbackConfiguration.Alarms: AlarmName is missing.")
        return cls(steps, timeout, names)


def _blue_green(
    policy: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]
) -> tuple[Step, ...]:
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    kind, wait = routing["Type"], routing.get("WaitIntervalInSeconds", 0)
    members = {"CANARY": ("CanarySize", 0), "LINEAR": ("LinearStepSize", 10)}
    for other, (member, _) in members.items():
        if (kind == other) != (member in routing):
            verb = "needs" if kind == other else "takes no"
            raise _invalid(f"TrafficRoutingConfiguration of Type {kind} {verb} {member}.")
    steps: list[Step] = []
    if kind in members:
        member, least = members[kind]
        size, named = _size(
            f"TrafficRoutingConfiguration.{member}", routing[member], variants, least
        )
        word = "canary" if kind == "CANARY" else "linear step"
        taken = 1
        while taken * size < ALL and not (kind == "CANARY" and taken > 1):
            capacity = f"{word} capacity of {named(taken)}"
            steps.append(Step(taken * size, wait, "WaitIntervalInSeconds", capacity))
            taken += 1
    last = policy.get("TerminationWaitInSeconds", 0)
    return (*steps, Step(ALL, last, "TerminationWaitInSeconds", "full capacity"))


def _rolling(policy: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    size, named = _size(
        "RollingUpdatePolicy.MaximumBatchSize", policy["MaximumBatchSize"], variants, 5
    )
    if back := policy.get("RollbackMaximumBatchSize"):
        _size("RollingUpdatePolicy.RollbackMaximumBatchSize", back, variants, 5, 100)
    wait = policy["WaitIntervalInSeconds"]
    batches = math.ceil(ALL / size)
    return tuple(
        Step(
            min(number * size, ALL),
            wait,
            "WaitIntervalInSeconds",
            "full capacity" if number == batches else f"batch capacity of {named(number)}",
        )
        for number in range(1, batches + 1)
    )


def _size(
    member: str,
    size: Mapping[str, Any],
    variants: Sequence[Mapping[str, Any]],
    least: int,
    most: int = _HALF,
) -> tuple[Fraction, Any]:
    """A CapacitySize as a share of 1, and how a number of such steps is called.

    Raises:
        ApiError: it is beyond the limits, in percent.
    """
    kind, value = size["Type"], size["Value"]
    counts = [variant.get("InitialInstanceCount", 1) for variant in variants]
    if kind == "CAPACITY_PERCENT":
        share, limits = Fraction(value, 100), f"{max(least, 1)} to {most} percent"
        unit = "percent"
    else:
        # One share for all variants, so that none exceeds what was asked for.
        share = Fraction(value, max(counts))
        limits = f"{max(least, 1)} to {most} percent of the variant's {min(counts)} instance(s)"
        unit = "instance(s)"
    largest = share if kind == "CAPACITY_PERCENT" else Fraction(value, min(counts))
    if not least <= 100 * share <= 100 * largest <= most:
        hint = "" if kind == "CAPACITY_PERCENT" else ", or use the Type CAPACITY_PERCENT"
        raise _invalid(f"{member} of {value} {unit} must be {limits}{hint}.")
    return share, lambda number: f"{number * value} {unit}"


def _invalid(message: str) -> ApiError:
    return invalid(f"DeploymentConfig: {message}")
