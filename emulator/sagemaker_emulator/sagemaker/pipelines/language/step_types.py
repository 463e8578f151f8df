"""The step types the engine runs, and the SageMaker operations behind each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JobType:
    """A step type that is one SageMaker resource: created, described until done, stopped.

    Attributes:
        type: the step's Type, also the word in the names made for it.
        create: the operation whose request the step's Arguments are.
        describe: the operation whose response the step's properties are.
        name: the member that names the resource, in both.
        arn: the member of create's response that is its ARN.
        metadata: the key in the step's Metadata under which the ARN is shown.
        status: the member of describe's response that is its status; None if it is ready at once.
        succeeded: statuses that mean success.
        failed: statuses that mean failure.
        stop: the operation that stops it.
        named_by_service: whether the service makes the name (a given one is a prefix).
        longest_name: the most characters that a name may have.
        trials: the operation whose response is part of the step's properties, too, best first.
    """

    type: str
    create: str
    describe: str
    name: str
    arn: str
    metadata: str
    status: str | None = None
    succeeded: tuple[str, ...] = ("Completed",)
    failed: tuple[str, ...] = ("Failed", "Stopped")
    stop: str | None = None
    named_by_service: bool = True
    longest_name: int = 63
    trials: str | None = None


def _job(
    type_: str, noun: str, metadata: str, longest_name: int = 63, trials: str | None = None
) -> JobType:
    return JobType(
        type=type_,
        create=f"Create{noun}",
        describe=f"Describe{noun}",
        name=f"{noun}Name",
        arn=f"{noun}Arn",
        metadata=metadata,
        status=f"{noun}Status",
        stop=f"Stop{noun}",
        longest_name=longest_name,
        trials=trials,
    )


JOBS: dict[str, JobType] = {
    job.type: job
    for job in (
        _job("Processing", "ProcessingJob", "ProcessingJob"),
        _job("Training", "TrainingJob", "TrainingJob"),
        _job(
            "Tuning",
            "HyperParameterTuningJob",
            "TuningJob",
            longest_name=32,
            trials="ListTrainingJobsForHyperParameterTuningJob",
        ),
        _job("Transform", "TransformJob", "TransformJob"),
        JobType("Model", "CreateModel", "DescribeModel", "ModelName", "ModelArn", "Model"),
        JobType(
            "RegisterModel",
            "CreateModelPackage",
            "DescribeModelPackage",
            "ModelPackageName",
            "ModelPackageArn",
            "RegisterModel",
            status="ModelPackageStatus",
        ),
        JobType(
            "EndpointConfig",
            "CreateEndpointConfig",
            "DescribeEndpointConfig",
            "EndpointConfigName",
            "EndpointConfigArn",
            "EndpointConfig",
            named_by_service=False,
        ),
        JobType(
            "Endpoint",
            "CreateEndpoint",
            "DescribeEndpoint",
            "EndpointName",
            "EndpointArn",
            "Endpoint",
            status="EndpointStatus",
            succeeded=("InService",),
            failed=("Failed", "OutOfService", "UpdateRollbackFailed"),
            named_by_service=False,
        ),
    )
}
# Steps that the engine carries out itself.
OTHERS = ("Condition", "Fail", "Lambda", "Callback")
SUPPORTED = (*JOBS, *OTHERS)
RETRYABLE = ("Processing", "Training", "Tuning", "Model", "RegisterModel", "Transform")


def resource_name(
    job: JobType, execution_id: str, step: str, suffix: str, prefix: str | None = None
) -> str:
    """The name the service gives to a step's resource.

    Args:
        job: the step's type.
        execution_id: the execution's id, 12 characters.
        step: the step's name; shortened if need be.
        suffix: random characters that make each attempt's name unique.
        prefix: the name in the step's Arguments, which the service takes as a prefix.
    """
    head = prefix or "pipelines"
    parts = [execution_id] if job.longest_name < 63 else [head, execution_id]
    room = job.longest_name - len("-".join([*parts, "", suffix]))
    middle = [step[:room].strip("-_").replace("_", "-")] if room > 0 else []
    return "-".join([*parts, *middle, suffix])
