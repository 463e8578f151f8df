"""Request times at 10,000 resources: `python emulator/benchmarks/lists.py`.

Prints the fastest milliseconds of each request, and how many times those of a Describe: training
and processing jobs in lists and Search, and a new version of a model in a group of 6,456 and of
few. All of it is with boto3, which takes a millisecond or two.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

import sagemaker_emulator
from sagemaker_emulator.storage.store import Store

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

JOBS, VERSIONS, ROUNDS = 10_000, 6_456, 20


def main() -> None:
    """Fill a state, start a server on it and print the fastest milliseconds of each request."""
    with tempfile.TemporaryDirectory() as folder:
        state, images = Path(folder, "state"), Path(folder, "images")
        (images / "nothing").mkdir(parents=True)
        (images / "nothing/requirements.txt").touch()
        fill(state)
        server = sagemaker_emulator.up(state, images)
        try:
            keys = server["environment"]
            session = boto3.Session(
                keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
            )
            measure(session.client("sagemaker", endpoint_url=server["url"]))
        finally:
            sagemaker_emulator.down(state)
    print(f"Again: python {' '.join(sys.argv)}")


def fill(state: Path) -> None:
    """Write training jobs as the server keeps them; their names are not in their order."""
    store = Store(state / "emulator.db")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:latest"
    with store.transaction():
        for number in range(JOBS):
            name = name_of(number)
            request = {
                "TrainingJobName": name,
                "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
                "HyperParameters": {f"parameter-{each}": "0.5" for each in range(20)},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            }
            times = {"CreationTime": 1000.0 + number, "LastModifiedTime": 2000.0 + number}
            status = {"TrainingJobStatus": "Completed", "SecondaryStatus": "Completed"}
            arn = f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
            job = {**request, "Request": request, "TrainingJobArn": arn, **times, **status}
            store.put("training-job", name, job)
            job |= {"ProcessingJobName": name, "ProcessingJobArn": arn}
            job["ProcessingJobStatus"] = "Completed" if number % 1000 else "Failed"
            store.put("processing-job", name, job)
        fill_group(store)
    store.close()


def fill_group(store: Store) -> None:
    """Write the versions of the group `large` as the server keeps them, but for the last one."""
    arn = "arn:aws:sagemaker:us-east-1:123456789012"
    for number in range(1, VERSIONS):
        version = {
            "ModelPackageGroupName": "large",
            "ModelPackageName": f"large/{number}",
            "ModelPackageArn": f"{arn}:model-package/large/{number}",
            "ModelPackageVersion": number,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "PendingManualApproval",
            "CreationTime": 1000.0 + number,
        }
        store.put("model-package", f"large/{number}", version)
    group: dict[str, object] = {"ModelPackageGroupName": "large", "LastVersion": VERSIONS - 1}
    group |= {"ModelPackageGroupArn": f"{arn}:model-package-group/large"}
    group |= {"ModelPackageGroupStatus": "Completed", "CreationTime": 1000.0}
    store.put("model-package-group", "large", group)


def name_of(number: int) -> str:
    """The name of a job."""
    return f"job-{number * 7919 % JOBS:05d}"


def measure(client: "SageMakerClient") -> None:
    """Time requests, each answered once before."""
    name = {"Name": "TrainingJobName", "Operator": "Equals", "Value": name_of(5)}
    client.create_model_package_group(ModelPackageGroupName="small")
    requests: dict[str, Callable[[], object]] = {
        "describe": lambda: client.describe_training_job(TrainingJobName=name_of(5)),
        "list": client.list_training_jobs,
        "list, 100 of them": lambda: client.list_training_jobs(MaxResults=100),
        "list by name": lambda: client.list_training_jobs(SortBy="Name"),
        "NameContains, one": lambda: client.list_training_jobs(NameContains=name_of(5)),
        "NameContains, none": lambda: client.list_training_jobs(NameContains="nothing"),
        "list by status": lambda: client.list_training_jobs(SortBy="Status"),
        "list failed": lambda: client.list_processing_jobs(StatusEquals="Failed"),
        "search": lambda: client.search(Resource="TrainingJob"),
        "search by name": lambda: client.search(
            Resource="TrainingJob",
            SearchExpression={"Filters": [name]},  # type: ignore[list-item]
        ),
        "a version, group of 20": lambda: client.create_model_package(
            ModelPackageGroupName="small"
        ),
        "a version, of 6,456": lambda: client.create_model_package(ModelPackageGroupName="large"),
    }
    first = 0.0
    for label, request in requests.items():
        request()
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            request()
            times.append(time.perf_counter() - began)
        first = first or min(times)
        print(f"{label:22s} {min(times) * 1000:8.2f} ms {min(times) / first:6.1f} times")


if __name__ == "__main__":
    main()
