"""The names that differ between the kinds of jobs."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class JobKind:
    """One kind of job.

    Attributes:
        title: `Processing`: the beginning of its members' names.
        resource: `processing-job`: in its ARNs, and the kind of its documents in the store.
    """

    title: str
    resource: str

    @property
    def name_key(self) -> str:
        """`ProcessingJobName`."""
        return f"{self.title}JobName"

    @property
    def arn_key(self) -> str:
        """`ProcessingJobArn`."""
        return f"{self.title}JobArn"

    @property
    def status_key(self) -> str:
        """`ProcessingJobStatus`."""
        return f"{self.title}JobStatus"

    @property
    def start_key(self) -> str:
        """`ProcessingStartTime`."""
        return f"{self.title}StartTime"

    @property
    def end_key(self) -> str:
        """`ProcessingEndTime`."""
        return f"{self.title}EndTime"

    @property
    def summaries_key(self) -> str:
        """`ProcessingJobSummaries`."""
        return f"{self.title}JobSummaries"

    @property
    def log_group(self) -> str:
        """`/aws/sagemaker/ProcessingJobs`."""
        return f"/aws/sagemaker/{self.title}Jobs"

    @property
    def event(self) -> str:
        """`SageMaker Processing Job State Change`."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.title)
        return f"SageMaker {words} Job State Change"


PROCESSING = JobKind("Processing", "processing-job")
TRAINING = JobKind("Training", "training-job")
TRANSFORM = JobKind("Transform", "transform-job")
TUNING = JobKind("HyperParameterTuning", "hyper-parameter-tuning-job")
RUNNING = ("InProgress", "Stopping")
