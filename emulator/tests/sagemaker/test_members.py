"""Every member of every SageMaker request is honoured, kept and shown, or refused by name."""

from pathlib import Path
from typing import Any

import pytest
from local_context import local_context
from member_reads import misspelt, undeclared, unread

import sagemaker_emulator
from sagemaker_emulator import serve
from sagemaker_emulator.aws.dispatch import kept, operations, service_model
from sagemaker_emulator.aws.members import is_honoured, paths, paths_of
from sagemaker_emulator.errors import ApiError

assert serve.OPERATIONS  # registered
PACKAGE = Path(sagemaker_emulator.__file__).parent
# Made of a kind's title: `JobKind.name_key`.
NAMES = {f"{kind}JobName" for kind in ("Processing", "Training", "Transform")}


def test_every_operation_declares_what_it_honours() -> None:
    assert undeclared("sagemaker") == []
    assert misspelt("sagemaker") == []


def test_what_is_declared_is_read() -> None:
    unnamed = [each for each in unread("sagemaker", PACKAGE) if each.split(": ")[1] not in NAMES]
    assert unnamed == []


@pytest.mark.parametrize(
    "name", [name for (owner, name), each in kept.items() if each and owner == "sagemaker"]
)
def test_what_is_kept_is_shown_by_describe(name: str) -> None:
    noun = name.removeprefix("Create")
    shown = list(
        paths_of(service_model("sagemaker").operation_model(f"Describe{noun}").output_shape)
    )
    requested = list(paths_of(service_model("sagemaker").operation_model(name).input_shape))
    for path in kept["sagemaker", name]:
        assert any(is_honoured(each, (path,)) for each in requested), path
        assert any(is_honoured(each, (path,)) for each in shown), path


def test_paths_are_read_from_nested_text() -> None:
    assert paths("A B{C D{E F}} G{H}") == ("A", "B.C", "B.D.E", "B.D.F", "G.H")


ROLE = "arn:aws:iam::123456789012:role/jobs"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
TRAINING: dict[str, Any] = {
    "TrainingJobName": "t",
    "RoleArn": ROLE,
    "AlgorithmSpecification": {"TrainingImage": "plain", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": CLUSTER,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.mark.parametrize(
    ("operation", "request_", "member"),
    [
        (
            "CreateTrainingJob",
            {**TRAINING, "RemoteDebugConfig": {"EnableRemoteDebug": True}},
            "RemoteDebugConfig.EnableRemoteDebug",
        ),
        (
            "CreateTrainingJob",
            {
                **TRAINING,
                "InputDataConfig": [
                    {
                        "ChannelName": "a",
                        "DataSource": {
                            "S3DataSource": {
                                "S3DataType": "S3Prefix",
                                "S3Uri": "s3://bucket/a",
                                "HubAccessConfig": {"HubContentArn": "arn:aws:x"},
                            }
                        },
                    }
                ],
            },
            "InputDataConfig.DataSource.S3DataSource.HubAccessConfig.HubContentArn",
        ),
        (
            "CreateModel",
            {
                "ModelName": "m",
                "PrimaryContainer": {
                    "Image": "plain",
                    "ContainerMetricsConfig": {"MetricsEndpoints": [{"MetricsEndpointPath": "/m"}]},
                },
            },
            "PrimaryContainer.ContainerMetricsConfig.MetricsEndpoints",
        ),
        (
            "CreateModelPackageGroup",
            {
                "ModelPackageGroupName": "g",
                "ManagedConfiguration": {"ManagedStorageType": "Restricted"},
            },
            "ManagedConfiguration.ManagedStorageType",
        ),
    ],
)
def test_member_that_is_not_honoured_is_refused_by_name(
    tmp_path: Path, operation: str, request_: dict[str, Any], member: str
) -> None:
    context = local_context(tmp_path)
    with pytest.raises(ApiError, match=f"does not run {operation} with {member}"):
        context.call(operation, **request_)
    assert ("sagemaker", operation) in operations


def test_lists_honour_every_filter(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    context.call("CreateModelPackageGroup", ModelPackageGroupName="g")
    for option, count in (("SameAccount", 1), ("CrossAccount", 0)):
        listed = context.call("ListModelPackageGroups", CrossAccountFilterOption=option)
        assert len(listed["ModelPackageGroupSummaryList"]) == count
    context.store.put("pipeline", "p", {"PipelineName": "p", "PipelineArn": "arn"})
    for manager, count in (("CUSTOMER", 1), ("AWS", 0)):
        listed = context.call("ListPipelines", ManagedBy=manager)
        assert len(listed["PipelineSummaries"]) == count
    job = {"TrainingJobName": "t", "TrainingJobArn": "arn", "ResourceConfig": CLUSTER}
    context.store.put("training-job", "t", {**job, "CreationTime": 1.0})
    plan = "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p"
    context.store.put(
        "training-job",
        "u",
        {
            **job,
            "TrainingJobName": "u",
            "CreationTime": 1.0,
            "ResourceConfig": {**CLUSTER, "TrainingPlanArn": plan},
        },
    )
    listed = context.call("ListTrainingJobs", TrainingPlanArnEquals=plan)
    assert [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]] == ["u"]
    listed = context.call("ListTrainingJobs", WarmPoolStatusEquals="InUse")
    assert listed["TrainingJobSummaries"] == []
