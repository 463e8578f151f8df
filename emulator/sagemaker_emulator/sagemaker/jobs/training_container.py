"""A training container: its files under /opt/ml, and the upload of what it wrote.

Contract: SageMaker developer guide, "How Amazon SageMaker AI provides training information" and
"... processes training output".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sagemaker_emulator.aws import patterns
from sagemaker_emulator.sagemaker.jobs import channels, cluster, output, sync
from sagemaker_emulator.sagemaker.jobs.channels import groups_of
from sagemaker_emulator.sagemaker.jobs.instance import Exit, Instance, read_message
from sagemaker_emulator.sagemaker.jobs.job import INTERRUPTED, Job
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.store import Document

DAY = 86400
# Of the members that a training job has in common with a tuning job's definition.
HONOURED_DATA = """
    InputDataConfig{
        ChannelName ContentType CompressionType RecordWrapperType InputMode ShuffleConfig
        DataSource{S3DataSource{
            S3DataType S3Uri S3DataDistributionType InstanceGroupNames AttributeNames
        }}
    }
    OutputDataConfig{S3OutputPath CompressionType}
    ResourceConfig{InstanceType InstanceCount InstanceGroups KeepAlivePeriodInSeconds}
    StoppingCondition{MaxRuntimeInSeconds MaxWaitTimeInSeconds}
"""
KEPT_DATA = """
    OutputDataConfig{KmsKeyId}
    ResourceConfig{VolumeSizeInGB VolumeKmsKeyId TrainingPlanArn}
    StoppingCondition{MaxPendingTimeInSeconds}
"""
HONOURED = f"""
    TrainingJobName HyperParameters RoleArn Environment Tags EnableManagedSpotTraining
    CheckpointConfig DebugHookConfig DebugRuleConfigurations TensorBoardOutputConfig
    ProfilerRuleConfigurations
    AlgorithmSpecification{{
        TrainingImage TrainingInputMode MetricDefinitions ContainerEntrypoint ContainerArguments
    }}
    {HONOURED_DATA}
"""
KEPT = f"""
    VpcConfig EnableNetworkIsolation EnableInterContainerTrafficEncryption
    ProfilerConfig RetryStrategy InfraCheckConfig
    AlgorithmSpecification{{EnableSageMakerMetricsTimeSeries TrainingImageConfig}}
    {KEPT_DATA}
"""
Progress = Callable[[str], object]


def problem(request: Mapping[str, Any]) -> str:
    """Why a CreateTrainingJob request cannot be run here, or an empty string."""
    algorithm = request.get("AlgorithmSpecification", {})
    if not algorithm.get("TrainingImage"):
        return "AlgorithmSpecification.TrainingImage is missing; the emulator has no AlgorithmName."
    resources = request.get("ResourceConfig", {})
    if why := cluster.problem(resources, "ResourceConfig"):
        return why
    for key in ("DebugRuleConfigurations", "ProfilerRuleConfigurations"):
        if request.get(key):
            image = request[key][0].get("RuleEvaluatorImage", "")
            return (
                f"{key}: the emulator runs no rule evaluators ({image}). Judge the tensors that "
                "DebugHookConfig saves in the job itself, or run the rules as a processing job."
            )
    for i, definition in enumerate(algorithm.get("MetricDefinitions", [])):
        try:
            patterns.compile(definition["Regex"])
        except patterns.PatternError as error:
            where = f"AlgorithmSpecification.MetricDefinitions[{i}] ({definition['Name']})"
            return f"{where}: the regular expression {definition['Regex']!r} is wrong: {error}."
    mode = algorithm.get("TrainingInputMode", "File")
    groups = [group["InstanceGroupName"] for group in resources.get("InstanceGroups", [])]
    for i, channel in enumerate(request.get("InputDataConfig", [])):
        where = f"InputDataConfig[{i}] ({channel['ChannelName']})"
        why = channels.problem(channel, channel.get("InputMode", mode), groups)
        if why:
            return f"{where}: {why}"
    return _spot_problem(request)


def _spot_problem(request: Mapping[str, Any]) -> str:
    """As AWS: the time to wait is for spot instances alone, and it includes the run."""
    limits = request.get("StoppingCondition", {})
    runs, waits = limits.get("MaxRuntimeInSeconds", DAY), limits.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining"):
        if waits is None or waits < runs:
            return (
                "Invalid MaxWaitTimeInSeconds. With EnableManagedSpotTraining it must be present "
                f"and greater than or equal to MaxRuntimeInSeconds, which is {runs}."
            )
    elif waits is not None:
        return "Invalid MaxWaitTimeInSeconds. It needs EnableManagedSpotTraining: true."
    return ""


def run(job: Job, progress: Progress) -> tuple[Exit, Document]:
    """Run a training job; its model and output are in S3 when this returns.

    Where its spot instances are interrupted, it runs again from its checkpoints, without a wait:
    Interrupted, then Starting, as the developer guide has it ("Managed Spot Training Lifecycle").

    Args:
        job: the job.
        progress: called with each SecondaryStatus as it begins.

    Returns:
        How the container ended, and what changes in the job's document.

    Raises:
        JobFailed: a channel is missing or an artifact cannot be written.
        JobStopped: it was stopped before the container ran.
    """
    synced = _synced_folders(job)
    seconds = 0.0
    while True:
        ended = _attempt(job, progress, synced)
        seconds += ended.seconds
        if ended.stopped != INTERRUPTED or job.stopped is not None:
            break
        progress("Interrupted")
        for local, uri, _ in synced:
            output.upload(job.instances, local, uri)
        job.log([f"{INTERRUPTED}; the job starts again from its checkpoints"])
        progress("Starting")
        job.renew()
    changes: Document = {
        "FinalMetricDataList": job.metrics.final(),
        "TrainingTimeInSeconds": round(seconds),
        "BillableTimeInSeconds": round(seconds),
    }
    progress("Uploading")
    if ended.code == 0 or ended.stopped:
        changes["ModelArtifacts"] = {"S3ModelArtifacts": _upload_model(job)}
    if any(any(instance.local("output/data").iterdir()) for instance in job.instances):
        output.upload_archive(job.instances, "output/data", "output.tar.gz", _output(job))
    for local, uri, _ in synced:
        output.upload(job.instances, local, uri)
    if ended.code != 0:
        changes["FailureReason"] = ended.reason(
            read_message(ended.instance.local("output/failure"))
        )
    return ended, changes


def _attempt(job: Job, progress: Progress, synced: list[tuple[str, str, bool]]) -> Exit:
    """Run the containers once, to their end or until their instances are taken away."""
    request = job.request
    progress("Downloading")
    mode = request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    with channels.provide(job, request.get("InputDataConfig", []), mode):
        for instance in job.instances:
            for name in ("model", "output/data", "input/data"):
                instance.local(name).mkdir(parents=True, exist_ok=True)
            for local, uri, both_ways in synced:
                instance.local(local).mkdir(parents=True, exist_ok=True)
                if both_ways and any(True for _ in s3_files.find(job.s3, uri)):
                    s3_files.download(job.s3, uri, instance.local(local), check=job.check)
            _write_config(job, instance)
        progress("Training")
        with sync.synchronize(job.instances, [(local, uri) for local, uri, _ in synced]):
            return _execute(job)


def _execute(job: Job) -> Exit:
    request, context = job.request, job.context
    algorithm = request["AlgorithmSpecification"]
    own = request.get("Environment", {})
    return job.execute(
        algorithm["TrainingImage"],
        [
            *algorithm.get(
                "ContainerEntrypoint",
                [*context.containers.entrypoint(algorithm["TrainingImage"]), "train"],
            ),
            *algorithm.get("ContainerArguments", []),
        ],
        {
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": job.arn,
            **context.tracking_variables(own),
            **own,
        },
        request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY),
    )


def _synced_folders(job: Job) -> list[tuple[str, str, bool]]:
    """Folders that are kept in S3: local path, URI, and whether they are fetched before."""
    request = job.request
    folders = []
    if checkpoints := request.get("CheckpointConfig"):
        local = checkpoints.get("LocalPath", "/opt/ml/checkpoints")
        folders.append((local, checkpoints["S3Uri"], True))
    if hook := request.get("DebugHookConfig"):
        uri = f"{hook['S3OutputPath'].rstrip('/')}/{job.name}/debug-output"
        folders.append((hook.get("LocalPath", "/opt/ml/output/tensors"), uri, False))
    if board := request.get("TensorBoardOutputConfig"):
        uri = f"{board['S3OutputPath'].rstrip('/')}/{job.name}/tensorboard-output"
        folders.append((board.get("LocalPath", "/opt/ml/output/tensorboard"), uri, False))
    return folders


def _write_config(job: Job, instance: Instance) -> None:
    request = job.request
    mode = request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    files: Document = {
        "hyperparameters": request.get("HyperParameters", {}),
        "inputdataconfig": {
            channel["ChannelName"]: {
                "TrainingInputMode": channel.get("InputMode", mode),
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                **{key: channel[key] for key in ("ContentType",) if key in channel},
            }
            for channel in request.get("InputDataConfig", [])
            if instance.host.group in (groups_of(channel) or [instance.host.group])
        },
        "resourceconfig": cluster.resource_config(job.hosts, instance.host),
    }
    if hook := request.get("DebugHookConfig"):
        files["debughookconfig"] = {"LocalPath": "/opt/ml/output/tensors", **hook}
    folder = instance.local("input/config")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2))


def _output(job: Job) -> str:
    return f"{job.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"


def _upload_model(job: Job) -> str:
    if job.request["OutputDataConfig"].get("CompressionType") == "NONE":
        uri = f"{_output(job)}/model/"
        output.upload(job.instances, "model", uri)
        return uri
    return output.upload_archive(job.instances, "model", "model.tar.gz", _output(job))
