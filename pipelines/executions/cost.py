"""What an execution has cost: the billed time of its jobs, times the prices of their instances.

SageMaker bills an instance by the second, from the start of a job's own work to its end. With spot
instances `BillableTimeInSeconds` is less than `TrainingTimeInSeconds`: the difference is saved.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipelines.executions.execution import Execution, Step
from pipelines.executions.trials import list_trials
from pipelines.prices import Prices

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

HOUR = 3600
READERS = 8
# Types of the steps whose jobs are billed by the instance.
BILLED = ("Processing", "Training", "Tuning")


@dataclass(frozen=True)
class Job:
    """One job's use of its instances.

    Attributes:
        instance_type: The type of its instances.
        instances: Their number.
        seconds: Billed time of one instance.
        used_seconds: The time that it ran; longer than the billed time on spot instances.
    """

    instance_type: str
    instances: int
    seconds: float
    used_seconds: float


@dataclass(frozen=True)
class StepCost:
    """What one step has cost.

    Attributes:
        step: Its name.
        jobs: Its jobs, which all have the same type of instance.
        usd: None where the type's price is not known.
    """

    step: str
    jobs: tuple[Job, ...]
    usd: float | None

    @property
    def instance_hours(self) -> float:
        """Billed hours of all instances."""
        return sum(job.seconds * job.instances for job in self.jobs) / HOUR


@dataclass(frozen=True)
class Cost:
    """What an execution has cost so far.

    Attributes:
        steps: The steps that ran jobs; one from the cache ran none.
        origin: Where the prices are from.
    """

    steps: tuple[StepCost, ...]
    origin: str

    @property
    def instance_hours(self) -> float:
        """Billed hours of all instances."""
        return sum(step.instance_hours for step in self.steps)

    @property
    def usd(self) -> float | None:
        """The sum in USD; None where a price is not known."""
        known = [step.usd for step in self.steps if step.usd is not None]
        return sum(known) if len(known) == len(self.steps) else None

    @property
    def without_price(self) -> tuple[str, ...]:
        """The instance types whose price is not known."""
        unknown = [step for step in self.steps if step.usd is None]
        return tuple(dict.fromkeys(job.instance_type for step in unknown for job in step.jobs))

    @property
    def saved_share(self) -> float:
        """The share of the used time that spot instances have saved; 0 without any."""
        jobs = [job for step in self.steps for job in step.jobs]
        used = sum(job.used_seconds * job.instances for job in jobs)
        return 1 - self.instance_hours * HOUR / used if used else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "usd": self.usd,
            "instance_hours": self.instance_hours,
            "saved_share": self.saved_share,
            "without_price": list(self.without_price),
            "prices": self.origin,
            "steps": [{**asdict(step), "hours": step.instance_hours} for step in self.steps],
        }


def read(client: SageMakerClient, execution: Execution, prices: Prices) -> Cost:
    """Read what the jobs of an execution have used so far."""
    ran = [step for step in execution.steps if step.type in BILLED and not step.cached]
    costs = []
    for step in ran:
        if used := jobs(client, step):
            price = prices.of(used[0].instance_type)
            hours = sum(job.seconds * job.instances for job in used) / HOUR
            costs.append(StepCost(step.name, used, None if price is None else hours * price))
    return Cost(tuple(costs), prices.origin)


def jobs(client: SageMakerClient, step: Step) -> tuple[Job, ...]:
    """The jobs of a step, as far as they have begun; each trial of a tuning is one."""
    if not step.job:
        return ()
    if step.type == "Processing":
        return tuple(_processing(client, step.job))
    names: Iterable[str] = (step.job,)
    if step.type == "Tuning":
        names = [trial.name for trial in list_trials(client, step.job)]
    with ThreadPoolExecutor(READERS) as readers:
        read = readers.map(lambda name: client.describe_training_job(TrainingJobName=name), names)
        return tuple(job for one in read for job in _training(one))


def _processing(client: SageMakerClient, name: str) -> Iterable[Job]:
    job = client.describe_processing_job(ProcessingJobName=name)
    seconds = _seconds(job.get("ProcessingStartTime"), job.get("ProcessingEndTime"))
    cluster = job["ProcessingResources"]["ClusterConfig"]
    if seconds is not None:
        yield Job(cluster["InstanceType"], cluster["InstanceCount"], seconds, seconds)


def _training(job: DescribeTrainingJobResponseTypeDef) -> Iterable[Job]:
    running = _seconds(job.get("TrainingStartTime"), job.get("TrainingEndTime"))
    used = job.get("TrainingTimeInSeconds", running)
    resources = job["ResourceConfig"]
    if used is not None:
        billed = job.get("BillableTimeInSeconds", used)
        yield Job(resources["InstanceType"], resources["InstanceCount"], billed, used)


def _seconds(started: datetime | None, ended: datetime | None) -> float | None:
    return None if started is None else ((ended or datetime.now(UTC)) - started).total_seconds()
