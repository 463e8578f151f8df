"""Settings of serving: how a version gets to the endpoint, and who uses and watches it."""

from typing import Literal

from pydantic import model_validator

from pipelines.settings import fields
from pipelines.settings.fields import Count, CountOrZero
from pipelines.settings.section import Section

# SageMaker ends a deployment after eight hours; an hour of them is for starting the instances.
LONGEST_BAKE = 7 * 3600


class Rollout(Section):
    """How an approved version replaces the one that serves, and what takes it back."""

    type: Literal["all_at_once", "canary", "linear"] = "canary"
    """How traffic moves: all at once, a canary first, or in steps; one instance: all at once."""
    percent: fields.StepPercent = 10
    """Share of the requests that a canary gets, or a step of linear (10 or more), in percent."""
    bake: fields.BakeSeconds
    """Seconds for which the alarms are watched after each step; 0: no time for an alarm."""
    alarms: fields.Alarms = fields.ALARMS
    """Alarms that bring the former version back: errors, latency, self-test; []: no rollback."""
    max_error_share: fields.PartialShare = 0.02
    """Share of requests answered with 5xx above which the alarm of errors goes off."""
    max_latency: fields.Positive = 5.0
    """Mean seconds that the model takes to answer above which the alarm of latency goes off."""

    @model_validator(mode="after")
    def _check_steps(self) -> "Rollout":
        if self.type == "linear" and self.percent < 10:
            raise ValueError(f"percent must be at least 10 with type: linear, not {self.percent}")
        steps = -(-100 // self.percent) if self.type == "linear" else 2
        if steps * self.bake > LONGEST_BAKE:
            raise ValueError(
                f"{steps} steps of {self.bake} seconds (bake) take longer than the "
                f"{LONGEST_BAKE} seconds that SageMaker allows for a deployment's waits; set a "
                "shorter bake or a larger percent"
            )
        return self


class Capture(Section):
    """Answers of the endpoint that are kept, for `watch`; photos are never kept."""

    percent: fields.Percent = 0
    """Share of the answers that are kept in S3, in percent; 0: none. From the next promotion."""


class Shadow(Section):
    """A version beside the one that serves: `python pipeline.py shadow VERSION`."""

    percent: fields.ShadowPercent = 100
    """Share of the requests of which the shadow variant gets a copy, in percent."""
    instances: fields.Instances = 1
    """Instances of the shadow variant, of the type of those that serve; they are paid for too."""


class Scaling(Section):
    """Instances of the endpoint by the number of its requests (Application Auto Scaling)."""

    min: fields.Instances = 1
    """Fewest instances."""
    max: fields.InstancesOrNone = 0
    """Most instances; 0: nothing scales the endpoint. From `setup` and the next promotion."""
    invocations_per_instance: fields.Positive = 300.0
    """Requests a minute to each instance that the number of instances keeps to."""

    @model_validator(mode="after")
    def _check_order(self) -> "Scaling":
        if self.max and self.min > self.max:
            raise ValueError(f"min ({self.min}) must not be above max ({self.max})")
        return self


class Desk(Section):
    """The desk: pages in the browser on which people check bins."""

    host: str = "127.0.0.1"
    """Address that the desk listens on; 0.0.0.0: every network of this machine, for phones."""
    port: fields.Port = 5590
    """Port of the desk."""
    records: str = ""
    """Stock records by id: a folder of ID.json, or a CSV with the column image; none: type them."""
    audit_share: fields.Share = 0.05
    """Share of the bins that passed which the desk has audited all the same."""
    photo_days: CountOrZero = 14
    """Days in which the desk keeps a shift's photos on this machine."""


class Watch(Section):
    """Watching the endpoint: do photos and answers still look like those of the test?"""

    schedule: str = ""
    """How often `setup` has it watched, such as rate(1 day) or cron(0 6 * * ? *); empty: never."""
    window_days: Count = 7
    """Days of answers that a run looks at."""
    false_alarms: fields.PartialShare = 0.01
    """Probability that a run raises anything although nothing has changed."""
    retrain: bool = False
    """true: a change starts the pipeline, which ends with a version that waits for approval."""
