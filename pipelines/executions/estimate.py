"""What an execution will cost and how long it will take, before it is started.

The jobs are those of the pipeline as it was upserted, with the parameters of this start. Their
expected time is what earlier executions took; where none ran such a step, the job's own time limit
stands for it. "At most" is every job at its time limit, at the on-demand price.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from math import ceil
from statistics import median
from typing import TYPE_CHECKING, Any

from pipelines.errors import UserError
from pipelines.executions import lookup
from pipelines.executions.cost import BILLED, HOUR, Job, jobs
from pipelines.executions.execution import describe, walk
from pipelines.prices import Prices

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

LOOKED_AT = 10  # executions, newest first
ENOUGH = 3  # of them, for each step
# Parameters that decide how much work a step does.
WORK = (
    "SubsetSize", "ImageSize", "Backbone", "Classes", "EpochsMin", "EpochsMax",
    "ProcessingInstanceType", "TrainingInstanceType", "EvaluationInstanceType",
)  # fmt: skip
DAY = 24 * HOUR  # SageMaker's own limit of a job that names none
PROGRAM = "python pipeline.py"


class CostError(UserError):
    """An execution may cost more than is allowed, or nobody knows what it may cost."""


@dataclass(frozen=True)
class Plan:
    """The jobs that a step will run.

    Attributes:
        step: Its name.
        type: Its type in the definition.
        instance_type: The type of each job's instances.
        instances: The number of each job's instances.
        count: The number of jobs, 1 but for a tuning.
        parallel: How many of them run at the same time.
        limit: Each job's time limit in seconds.
    """

    step: str
    type: str
    instance_type: str
    instances: int
    count: int
    parallel: int
    limit: float

    def wall(self, seconds: float) -> float:
        """How long the step takes in seconds, if each job takes `seconds`."""
        return ceil(self.count / self.parallel) * seconds

    def usd(self, seconds: float, price: float | None) -> float | None:
        """What its jobs cost, if each takes `seconds`; None without a price."""
        if price is None:
            return None
        return self.count * self.instances * seconds / HOUR * price


@dataclass(frozen=True)
class Past:
    """What earlier executions took for a step.

    Attributes:
        executions: How many they are.
        same: Whether they had the same parameters, as far as these decide how much work it is.
        used: The median time of a job in seconds.
        billed: The median time of a job that is billed, in seconds; on spot instances less.
    """

    executions: int
    same: bool
    used: float
    billed: float

    @classmethod
    def of(cls, found: Sequence[tuple[Job, ...]], *, same: bool) -> Past:
        """The medians over the jobs of several executions; there is one at least."""
        every = [job for ran in found for job in ran]
        used = median(job.used_seconds for job in every)
        return cls(len(found), same, used, median(job.seconds for job in every))

    def __str__(self) -> str:
        """What it is from, in words."""
        many = f"{self.executions} execution{'s' * (self.executions != 1)}"
        return f"{many} with {'the same' if self.same else 'other'} parameters"


@dataclass(frozen=True)
class Row:
    """One step of an estimate; times in seconds, sums in USD.

    Attributes:
        plan: Its jobs.
        past: What earlier executions took; None where none has run it.
        price: USD for an hour of one instance; None where it is not known.
    """

    plan: Plan
    past: Past | None
    price: float | None

    @property
    def seconds(self) -> float:
        """How long the step is expected to take; its limit where no execution has run it."""
        plan = self.plan
        return plan.wall(min(self.past.used, plan.limit) if self.past else plan.limit)

    @property
    def most_seconds(self) -> float:
        """How long the step takes at most."""
        return self.plan.wall(self.plan.limit)

    @property
    def usd(self) -> float | None:
        """What it is expected to cost; at most, where no execution has run it."""
        plan = self.plan
        return plan.usd(min(self.past.billed, plan.limit) if self.past else plan.limit, self.price)

    @property
    def most_usd(self) -> float | None:
        """What it costs at most."""
        return self.plan.usd(self.plan.limit, self.price)


@dataclass(frozen=True)
class Estimate:
    """An estimate of an execution; all times in seconds, all sums in USD or None.

    Attributes:
        rows: The steps that run jobs.
        origin: Where the prices are from; "" without any.
    """

    rows: tuple[Row, ...]
    origin: str

    @property
    def seconds(self) -> float:
        """How long it is expected to take."""
        return sum(row.seconds for row in self.rows)

    @property
    def most_seconds(self) -> float:
        """How long it takes at most."""
        return sum(row.most_seconds for row in self.rows)

    @property
    def usd(self) -> float | None:
        """What it is expected to cost."""
        return _sum([row.usd for row in self.rows])

    @property
    def most_usd(self) -> float | None:
        """What it costs at most."""
        return _sum([row.most_usd for row in self.rows])

    @property
    def without_price(self) -> tuple[str, ...]:
        """The instance types whose price is not known."""
        return tuple(
            dict.fromkeys(row.plan.instance_type for row in self.rows if row.price is None)
        )

    @property
    def without_history(self) -> tuple[str, ...]:
        """The steps that no execution has run."""
        return tuple(row.plan.step for row in self.rows if row.past is None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "expected": {"seconds": self.seconds, "usd": self.usd},
            "at_most": {"seconds": self.most_seconds, "usd": self.most_usd},
            "without_price": list(self.without_price),
            "without_history": list(self.without_history),
            "prices": self.origin,
            "steps": [
                {
                    **asdict(row.plan),
                    "usd_per_hour": row.price,
                    "past": asdict(row.past) if row.past else None,
                    "expected": {"seconds": row.seconds, "usd": row.usd},
                    "at_most": {"seconds": row.most_seconds, "usd": row.most_usd},
                }
                for row in self.rows
            ],
        }

    def check(self, most: float) -> None:
        """Refuse an execution that may cost more.

        Args:
            most: USD.

        Raises:
            CostError: It may, or a price is not known.
        """
        if self.most_usd is None:
            raise CostError(
                f"--max-cost {most:g}: no price is known of {', '.join(self.without_price)}. Write "
                "it into a file like pipelines/prices.yaml and name that in the setting "
                "cost.prices."
            )
        if self.most_usd > most:
            raise CostError(
                f"The execution may cost {self.most_usd:.2f} USD, more than --max-cost {most:g} "
                "(every job at its time limit). Fewer trials, as in -p MaxTrials=2, a lower "
                "training.max_hours or a cheaper instance make it less; "
                f"`{PROGRAM} start --estimate` shows each step."
            )


def estimate(
    client: SageMakerClient, pipeline: str, values: Mapping[str, object], prices: Prices
) -> Estimate:
    """Estimate an execution of a pipeline.

    Args:
        client: A boto3 SageMaker client.
        pipeline: The pipeline's name.
        values: The parameters of this start that are not the pipeline's defaults.
        prices: Of the instances.

    Raises:
        ExecutionError: The pipeline has not been upserted.
    """
    lookup.require_pipeline(client, pipeline)
    definition = json.loads(client.describe_pipeline(PipelineName=pipeline)["PipelineDefinition"])
    defaults = {one["Name"]: one.get("DefaultValue") for one in definition["Parameters"]}
    parameters = {**defaults, **values}
    plans = list(planned(definition, parameters))
    history = _history(client, pipeline, plans, parameters)
    rows = (Row(plan, history.get(plan.step), prices.of(plan.instance_type)) for plan in plans)
    return Estimate(tuple(rows), prices.origin)


def _history(
    client: SageMakerClient, pipeline: str, plans: Sequence[Plan], parameters: Mapping[str, Any]
) -> dict[str, Past]:
    """What the newest executions took for each step, by the step's name.

    Those with the same parameters count, where there is any; else those with others.
    """
    alike: dict[str, list[tuple[Job, ...]]] = {plan.step: [] for plan in plans}
    other: dict[str, list[tuple[Job, ...]]] = {plan.step: [] for plan in plans}
    for summary in islice(lookup.list_executions(client, pipeline), LOOKED_AT):
        if all(len(found) >= ENOUGH for found in alike.values()):
            break
        earlier = describe(client, summary["PipelineExecutionArn"])
        same = all(
            earlier.parameters.get(name, str(parameters.get(name))) == str(parameters.get(name))
            for name in WORK
        )
        for step in earlier.steps:
            found = (alike if same else other).get(step.name)
            if found is None or len(found) >= ENOUGH:
                continue
            if step.status == "Succeeded" and not step.cached and (ran := jobs(client, step)):
                found.append(ran)
    return {
        plan.step: Past.of(alike[plan.step] or other[plan.step], same=bool(alike[plan.step]))
        for plan in plans
        if alike[plan.step] or other[plan.step]
    }


def planned(definition: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[Plan]:
    """The jobs of a definition's steps, also of those that only one branch of a condition runs."""

    def value(given: Any, otherwise: Any) -> Any:
        if isinstance(given, Mapping) and str(given.get("Get", "")).startswith("Parameters."):
            given = parameters[given["Get"].removeprefix("Parameters.")]
        return otherwise if given is None else given

    for step, _, _ in walk(definition["Steps"]):
        if step["Type"] not in BILLED:
            continue
        arguments: Mapping[str, Any] = step["Arguments"]
        limits = arguments.get("HyperParameterTuningJobConfig", {}).get("ResourceLimits", {})
        job = arguments.get("TrainingJobDefinition", arguments)
        cluster = job.get("ResourceConfig") or arguments["ProcessingResources"]["ClusterConfig"]
        limit = job.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
        yield Plan(
            step["Name"],
            step["Type"],
            str(value(cluster["InstanceType"], "")),
            int(value(cluster.get("InstanceCount"), 1)),
            int(value(limits.get("MaxNumberOfTrainingJobs"), 1)),
            int(value(limits.get("MaxParallelTrainingJobs"), 1)),
            float(value(limit, DAY)),
        )


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
