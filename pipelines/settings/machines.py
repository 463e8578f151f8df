"""Settings of what runs the jobs and the endpoint: container images and instances."""

from typing import Literal

from pydantic import model_validator

from pipelines.settings import fields
from pipelines.settings.fields import Count, CountOrZero, InstanceType
from pipelines.settings.section import Section


class Images(Section):
    """Container images; null: the account's registry and tally-NAME:HASH, shared by all stages.

    HASH is the hash of the image's folder in containers/, which the emulator runs directly.
    """

    processing: fields.Image = None
    """Image of Prepare."""
    training: fields.Image = None
    """Image of Tune, Train and Evaluate."""
    inference: fields.Image = None
    """Image of the endpoint and of batch scoring."""
    from_ecr: bool
    """true: `setup` makes image repositories, `make images` fills them, `upsert` requires them."""
    stop_at: Literal["none", "critical", "high"] = "none"
    """Severity of ECR's findings in the endpoint's image at which no version is promoted."""

    @model_validator(mode="after")
    def _check_scan(self) -> "Images":
        if self.stop_at != "none" and not self.from_ecr:
            raise ValueError(
                f"stop_at: {self.stop_at} needs images that ECR scans (from_ecr: true)"
            )
        return self


class Serverless(Section):
    """A new endpoint without instances, which is paid by the request and may start slowly."""

    memory_mb: fields.ServerlessMemory = 0
    """Memory of a new endpoint's serverless variant in MB; 0: it has instances."""
    max_concurrency: fields.Concurrency = 5
    """Most requests at the same time; further ones are refused."""


class Instances(Section):
    """Instance types of the jobs and the endpoint; on this machine all are this machine.

    Prices and limits: `aws service-quotas list-service-quotas --service-code sagemaker`.
    """

    processing: InstanceType
    """Instance type of Prepare."""
    training: InstanceType
    """Instance type of Tune and Train."""
    training_count: Count = 1
    """Instances that train one model together, in each trial too (more than one: AWS only)."""
    spot: bool = False
    """Use spot instances for Tune and Train: cheaper; interrupted jobs resume from a checkpoint."""
    evaluation: InstanceType
    """Instance type of Evaluate."""
    inference: InstanceType = "ml.m5.large"
    """Instance type of the endpoint. Its image runs on CPUs only, so a GPU would be idle."""
    inference_count: fields.Instances
    """Instances of a new endpoint. A canary needs two or more; on this machine all are one."""
    serverless: Serverless = Serverless()
    volume_gb: Count
    """Disk of each job in GB. The public images take about 30 GB; use 60 with subset_size 0."""


class Running(Section):
    """How the pipeline runs its steps."""

    parallelism: Count
    """Steps at the same time."""
    cache_days: CountOrZero = 30
    """Days in which a step with the same inputs is not run again; 0: always run."""


class Cost(Section):
    """What an execution costs."""

    prices: str = ""
    """Your own prices over pipelines/prices.yaml: a YAML file of the same form; empty: none."""
