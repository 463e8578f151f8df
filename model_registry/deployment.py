"""How an endpoint changes from one version to the next: how fast, and what takes it back.

SageMaker's deployment guardrails: a new fleet of instances starts beside the old one, gets traffic
in steps, and the old fleet serves all again if a CloudWatch alarm goes off meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DeploymentConfigUnionTypeDef

ROLLOUT: Final = "ROLLOUT"  # the environment variable with a `Rollout` as JSON
ALL_AT_ONCE, CANARY, LINEAR = "all_at_once", "canary", "linear"
# SageMaker starts the new instances and ends the old ones in this time, too: what a deployment may
# take beside its waits. SageMaker allows 600 to 28,800 seconds in all.
WORK_SECONDS: Final = 3600
MOST_SECONDS: Final = 28_800


@dataclass(frozen=True)
class Rollout:
    """How traffic moves to a new version.

    Attributes:
        type: `all_at_once`, `canary` (a share first, then all) or `linear` (in equal steps).
        percent: The share of the canary, or of a step.
        bake: Seconds for which the alarms are watched after each step.
        alarms: The CloudWatch alarms that take the deployment back.
        endpoint: The endpoint that they watch; they say nothing of another.
    """

    type: str = ALL_AT_ONCE
    percent: int = 10
    bake: int = 0
    alarms: Sequence[str] = ()
    endpoint: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Rollout:
        """The rollout that `setup` has given to the function; all at once where it has not."""
        return cls(**json.loads(environment.get(ROLLOUT) or "{}"))

    def config(self, endpoint: str, instances: int) -> DeploymentConfigUnionTypeDef:
        """SageMaker's DeploymentConfig.

        SageMaker allows at most half of the instances as the canary or as a step, so an endpoint
        of one instance changes all at once. The alarms and the waiting time are the same.

        Args:
            endpoint: The endpoint's name.
            instances: How many instances the variant has now, at least one.
        """
        kind = self.kind(instances)
        routing: dict[str, Any] = {"Type": kind.upper(), "WaitIntervalInSeconds": 0}
        if kind != ALL_AT_ONCE:
            size = {"Type": "CAPACITY_PERCENT", "Value": self.percent}
            routing["WaitIntervalInSeconds"] = self.bake
            routing["CanarySize" if kind == CANARY else "LinearStepSize"] = size
        config: dict[str, Any] = {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": routing,
                # The wait with all traffic on the new fleet, while the old one can still take over.
                "TerminationWaitInSeconds": self.bake,
                "MaximumExecutionTimeoutInSeconds": min(
                    MOST_SECONDS, self.wait_seconds + WORK_SECONDS
                ),
            }
        }
        if self.alarms and endpoint == self.endpoint:
            alarms = [{"AlarmName": name} for name in self.alarms]
            config["AutoRollbackConfiguration"] = {"Alarms": alarms}
        deployment: DeploymentConfigUnionTypeDef = config  # type: ignore[assignment]
        return deployment

    def kind(self, instances: int) -> str:
        """The type that a number of instances allows."""
        return self.type if instances > 1 else ALL_AT_ONCE

    @property
    def wait_seconds(self) -> int:
        """The waits of a deployment that goes well, together."""
        steps = {ALL_AT_ONCE: 1, CANARY: 2, LINEAR: -(-100 // self.percent)}
        return self.bake * steps[self.type]
