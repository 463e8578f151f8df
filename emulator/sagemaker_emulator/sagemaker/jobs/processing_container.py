"""A processing container: its files under /opt/ml, and the upload of what it wrote.

Contract: SageMaker developer guide, "How Amazon SageMaker Processing configures your processing
container". Inputs are there before an instance's container starts; outputs are uploaded when all
have ended, and while they run where the S3UploadMode is Continuous.
"""

import json
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import channels, cluster, output, sync
from sagemaker_emulator.sagemaker.jobs.channels import Input
from sagemaker_emulator.sagemaker.jobs.instance import Exit, Instance, read_message
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.storage.store import Document

DAY = 86400
HONOURED = """
    ProcessingJobName AppSpecification Environment RoleArn Tags StoppingCondition
    ProcessingInputs{
        InputName AppManaged DatasetDefinition
        S3Input{
            S3Uri LocalPath S3DataType S3InputMode S3DataDistributionType S3CompressionType
        }
    }
    ProcessingOutputConfig{Outputs{OutputName AppManaged S3Output}}
    ProcessingResources{ClusterConfig{InstanceCount InstanceType}}
"""
KEPT = """
    NetworkConfig
    ProcessingOutputConfig{KmsKeyId}
    ProcessingResources{ClusterConfig{VolumeSizeInGB VolumeKmsKeyId}}
"""


def problem(request: Mapping[str, Any]) -> str:
    """Why a CreateProcessingJob request cannot be run here, or an empty string."""
    resources = request["ProcessingResources"].get("ClusterConfig", {})
    if why := cluster.problem(resources, "ProcessingResources.ClusterConfig"):
        return why
    for member in ("ContainerEntrypoint", "ContainerArguments"):
        words = request["AppSpecification"].get(member, [])
        if "" in words:
            where = f"AppSpecification.{member}[{words.index('')}]"
            return f"{where} is empty, and SageMaker accepts no empty text there."
    for i, entry in enumerate(request.get("ProcessingInputs", [])):
        where = f"ProcessingInputs[{i}] ({entry['InputName']})"
        s3 = entry.get("S3Input")
        if s3 is None or "DatasetDefinition" in entry:
            return f"{where}: only S3Input is supported by the emulator, not DatasetDefinition."
        if s3.get("S3InputMode", "File") != "File":
            return f"{where}: S3InputMode must be File in the emulator, not {s3['S3InputMode']}."
        if s3.get("S3CompressionType", "None") != "None":
            return (
                f"{where}: S3CompressionType Gzip can only be used with S3InputMode Pipe, which "
                "the emulator does not support; decompress in the job."
            )
        if not entry.get("AppManaged") and not _inside(s3.get("LocalPath", "")):
            return f"{where}: LocalPath must begin with /opt/ml/processing/."
    names = [entry["InputName"] for entry in request.get("ProcessingInputs", [])]
    if len(names) != len(set(names)):
        return f"ProcessingInputs: the names must differ, and are {names}."
    for i, entry in enumerate(request.get("ProcessingOutputConfig", {}).get("Outputs", [])):
        where = f"ProcessingOutputConfig.Outputs[{i}] ({entry['OutputName']})"
        if "S3Output" not in entry:
            return f"{where}: only S3Output is supported by the emulator."
        if not entry.get("AppManaged") and not _inside(entry["S3Output"].get("LocalPath", "")):
            return f"{where}: LocalPath must begin with /opt/ml/processing/."
    return ""


def _inside(path: str) -> bool:
    parts = path.split("/")
    return path.startswith("/opt/ml/processing/") and ".." not in parts


def run(job: Job) -> tuple[Exit, str]:
    """Run a processing job; its outputs are in S3 when this returns with exit code 0.

    Returns:
        How the container ended, and its ExitMessage.

    Raises:
        JobFailed: an input is missing or an output cannot be written.
        JobStopped: it was stopped before the container ran.
    """
    request = job.request
    for entry in request.get("ProcessingInputs", []):
        if not entry.get("AppManaged"):
            source = Input.of_processing(entry["S3Input"])
            channels.download(job, source, entry["S3Input"]["LocalPath"])
    outputs = [
        entry["S3Output"]
        for entry in request.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if not entry.get("AppManaged")
    ]
    for instance in job.instances:
        for target in outputs:
            instance.local(target["LocalPath"]).mkdir(parents=True, exist_ok=True)
        instance.local("output").mkdir(parents=True, exist_ok=True)
        _write_config(job, instance)
    application = request["AppSpecification"]
    entrypoint = job.context.containers.entrypoint(application["ImageUri"])
    command = [
        *(application.get("ContainerEntrypoint") or entrypoint),
        *application.get("ContainerArguments", []),
    ]
    if not command:
        raise JobFailed(
            "ClientError: AppSpecification.ContainerEntrypoint is missing, and the image has no "
            "entry point of its own. Name the command to run, or give it to the image's folder: "
            "entrypoint in its image.yaml."
        )
    continuous = [
        (target["LocalPath"], target["S3Uri"])
        for target in outputs
        if target.get("S3UploadMode") == "Continuous"
    ]
    with sync.synchronize(job.instances, continuous):
        ended = _execute(job, command)
    message = read_message(ended.instance.local("output/message"))
    for target in outputs:
        # What is uploaded while the job runs is also kept when it fails.
        if ended.code == 0 or target.get("S3UploadMode") == "Continuous":
            output.upload(job.instances, target["LocalPath"], target["S3Uri"])
    return ended, message


def _execute(job: Job, command: list[str]) -> Exit:
    request = job.request
    own = request.get("Environment", {})
    return job.execute(
        request["AppSpecification"]["ImageUri"],
        command,
        {
            "PROCESSING_JOB_NAME": job.name,
            "PROCESSING_JOB_ARN": job.arn,
            **job.context.tracking_variables(own),
            **own,
        },
        request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY),
    )


def _write_config(job: Job, instance: Instance) -> None:
    folder = instance.local("config")
    folder.mkdir(parents=True, exist_ok=True)
    files: Document = {
        "processingjobconfig": {"ProcessingJobArn": job.arn, **job.request},
        "resourceconfig": cluster.resource_config(job.hosts, instance.host),
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2))
