"""How ended what a notebook has started in the emulator, once all of it has ended."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

_BUSY = ("InProgress", "Executing", "Stopping", "Creating", "Updating", "SystemUpdating")
_GOOD = ("Completed", "Succeeded", "InService", "Stopped")
# List operation, its member, and what its items' names and statuses are called.
_LISTS = {
    "processing job": ("list_processing_jobs", "ProcessingJob"),
    "training job": ("list_training_jobs", "TrainingJob"),
    "tuning job": ("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJob"),
    "transform job": ("list_transform_jobs", "TransformJob"),
    "endpoint": ("list_endpoints", "Endpoint"),
}
KINDS = (*_LISTS, "execution", "model package")


def wait(sagemaker: Any, seconds: float) -> tuple[Counter[str], list[str]]:
    """Wait until nothing runs; how many of each kind ended well, and what did not.

    Args:
        sagemaker: A client of the emulator that the notebook used.
        seconds: The longest to wait; what still runs then did not end well.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = list(_all(sagemaker))
        if time.monotonic() > deadline or not any(status in _BUSY for _, _, status, _ in found):
            break
        time.sleep(1)
    good = Counter(kind for kind, _, status, _ in found if status in _GOOD)
    bad = [
        f"{kind} {name}: {status}: {' '.join(reason.split())}"
        for kind, name, status, reason in found
        if status not in _GOOD
    ]
    return good, bad


def _all(sagemaker: Any) -> Iterator[tuple[str, str, str, str]]:
    """Kind, name, status and failure reason of each."""
    for kind, (operation, member) in _LISTS.items():
        for page in sagemaker.get_paginator(operation).paginate():
            for each in next(value for key, value in page.items() if isinstance(value, list)):
                name, status = each[f"{member}Name"], each[f"{member}Status"]
                describe = getattr(sagemaker, operation.replace("list", "describe")[:-1])
                reason = ""
                if status == "Failed":
                    reason = describe(**{f"{member}Name": name}).get("FailureReason", "")
                yield kind, name, status, reason
    for pipeline in sagemaker.list_pipelines()["PipelineSummaries"]:
        name = pipeline["PipelineName"]
        executions = sagemaker.list_pipeline_executions(PipelineName=name)
        for each in executions["PipelineExecutionSummaries"]:
            status = each["PipelineExecutionStatus"]
            arn = each["PipelineExecutionArn"]
            reason = each.get("PipelineExecutionFailureReason", "")
            if status == "Failed":
                reason = "; ".join([reason, *_failed_steps(sagemaker, arn)])
            yield "execution", arn, status, reason
    for group in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]:
        name = group["ModelPackageGroupName"]
        packages = sagemaker.list_model_packages(ModelPackageGroupName=name)
        for each in packages["ModelPackageSummaryList"]:
            yield "model package", each["ModelPackageArn"], each["ModelPackageStatus"], ""


def _failed_steps(sagemaker: Any, execution: str) -> Iterator[str]:
    """The steps that failed, each with its reason: an execution's own reason names none."""
    steps = sagemaker.get_paginator("list_pipeline_execution_steps")
    for page in steps.paginate(PipelineExecutionArn=execution):
        for step in page["PipelineExecutionSteps"]:
            if step["StepStatus"] == "Failed":
                yield f"step {step['StepName']}: {step.get('FailureReason', '')}"
