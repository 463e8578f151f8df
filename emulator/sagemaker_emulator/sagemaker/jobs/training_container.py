"""A training container: its files under /opt/ml, and the upload of what it wrote.

Contract: SageMaker developer guide, "How Amazon SageMaker AI provides training information" and
"... processes training output". One instance, File mode.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sagemaker_emulator.aws import patterns
from sagemaker_emulator.sagemaker.jobs import output
from sagemaker_emulator.sagemaker.jobs.job import Exit, Job, read_message
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.store import Document

DAY = 86400
# Of the members that a training job has in common with a tuning job's definition.
HONOURED_DATA = """
    InputDataConfig{
        ChannelName ContentType CompressionType RecordWrapperType InputMode
        DataSource{S3DataSource{S3DataType S3Uri S3DataDistributionType}}
    }
    OutputDataConfig{S3OutputPath CompressionType}
    ResourceConfig{InstanceType InstanceCount InstanceGroups}
    StoppingCondition{MaxRuntimeInSeconds MaxWaitTimeInSeconds}
"""
KEPT_DATA = """
    OutputDataConfig{KmsKeyId}
    ResourceConfig{VolumeSizeInGB VolumeKmsKeyId KeepAlivePeriodInSeconds TrainingPlanArn}
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
    VpcConfig EnableNetworkIsolation EnableInterContainerTrafficEncryption ExperimentConfig
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
    if resources.get("InstanceCount", 1) > 1 or resources.get("InstanceGroups"):
        return "ResourceConfig: the emulator trains on one instance (InstanceCount 1)."
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
    for i, channel in enumerate(request.get("InputDataConfig", [])):
        where = f"InputDataConfig[{i}] ({channel['ChannelName']})"
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            return f"{where}: only S3DataSource is supported by the emulator."
        if source["S3DataType"] != "S3Prefix":
            return (
                f"{where}: S3DataType {source['S3DataType']} is not supported by the emulator; "
                "S3Prefix is."
            )
        if channel.get("InputMode", mode) == "Pipe":
            return f"{where}: InputMode Pipe is not supported by the emulator; File is."
        if channel.get("CompressionType", "None") != "None":
            return f"{where}: CompressionType must be None in the emulator."
        if channel.get("RecordWrapperType", "None") != "None":
            return f"{where}: RecordWrapperType must be None in the emulator."
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

    Args:
        job: the job.
        progress: called with Downloading, Training and Uploading as they begin.

    Returns:
        How the container ended, and what changes in the job's document.

    Raises:
        JobFailed: a channel is missing or an artifact cannot be written.
        JobStopped: it was stopped before the container ran.
    """
    request, context = job.request, job.context
    algorithm = request["AlgorithmSpecification"]
    progress("Downloading")
    for channel in request.get("InputDataConfig", []):
        job.check()
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        folder = job.local(f"input/data/{channel['ChannelName']}")
        s3_files.download(job.s3, uri, folder, request["RoleArn"], context.region, job.check)
    for name in ("model", "output/data", "input/data"):
        job.local(name).mkdir(parents=True, exist_ok=True)
    synced = _synced_folders(job)
    for local, uri, both_ways in synced:
        job.local(local).mkdir(parents=True, exist_ok=True)
        if both_ways and any(True for _ in s3_files.find(job.s3, uri)):
            s3_files.download(job.s3, uri, job.local(local), check=job.check)
    _write_config(job)
    progress("Training")
    tracked = context.containers.sandbox.shares_files  # the store of tracking is a file
    ended = job.execute(
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
            **({"MLFLOW_TRACKING_URI": context.tracking_uri} if tracked else {}),
            **request.get("Environment", {}),
        },
        request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY),
    )
    seconds = round(ended.seconds)
    changes: Document = {
        "FinalMetricDataList": job.metrics.final(),
        "TrainingTimeInSeconds": seconds,
        "BillableTimeInSeconds": seconds,
    }
    progress("Uploading")
    if ended.code == 0 or ended.stopped:
        changes["ModelArtifacts"] = {"S3ModelArtifacts": _upload_model(job)}
    if any(job.local("output/data").iterdir()):
        output.upload_archive(job, "output/data", "output.tar.gz", _output(job))
    for local, uri, _ in synced:
        output.upload(job, local, uri)
    if ended.code != 0:
        changes["FailureReason"] = ended.reason(read_message(job.local("output/failure")))
    return ended, changes


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


def _write_config(job: Job) -> None:
    request = job.request
    resources = request.get("ResourceConfig", {})
    mode = request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    instance = resources.get("InstanceType", "local")
    files: Document = {
        "hyperparameters": request.get("HyperParameters", {}),
        "inputdataconfig": {
            channel["ChannelName"]: {
                "TrainingInputMode": channel.get("InputMode", mode),
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": "None",
                **{key: channel[key] for key in ("ContentType",) if key in channel},
            }
            for channel in request.get("InputDataConfig", [])
        },
        "resourceconfig": {
            "current_host": "algo-1",
            "current_instance_type": instance,
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1"],
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": instance,
                    "hosts": ["algo-1"],
                }
            ],
            "network_interface_name": "lo",
        },
    }
    if hook := request.get("DebugHookConfig"):
        files["debughookconfig"] = {"LocalPath": "/opt/ml/output/tensors", **hook}
    folder = job.local("input/config")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2))


def _output(job: Job) -> str:
    return f"{job.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"


def _upload_model(job: Job) -> str:
    if job.request["OutputDataConfig"].get("CompressionType") == "NONE":
        uri = f"{_output(job)}/model/"
        output.upload(job, "model", uri)
        return uri
    return output.upload_archive(job, "model", "model.tar.gz", _output(job))
