"""The trial components that processing, training and transform jobs leave, as on AWS.

Each job leaves one, named `JOB-aws-training-job` (by which AWS's own libraries find it), which is
part of a trial if the job's ExperimentConfig says so. Its members are those that responses of AWS
have that are quoted in public repositories: parameters and artifacts of SageMaker's begin with
`SageMaker.`; a training job's image is a parameter, a processing job's an input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.numerals import number
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.experiments import metrics, records
from sagemaker_emulator.sagemaker.experiments.components import add_parent
from sagemaker_emulator.sagemaker.experiments.records import COMPONENT, EXPERIMENT, TRIAL
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING, TRAINING, JobKind
from sagemaker_emulator.sagemaker.lineage import tracking
from sagemaker_emulator.storage.store import Document

# What Create operations of jobs honour.
HONOURED = "ExperimentConfig{ExperimentName TrialName TrialComponentDisplayName RunName}"
_LONGEST_NAME = 120


def begin(context: Context, kind: JobKind, job: Document) -> None:
    """Create the trial component of a job that is being created, in the caller's transaction.

    Raises:
        ApiError: Its ExperimentConfig names what does not exist, or what does not fit together.
    """
    config = job.get("ExperimentConfig") or {}
    name = f"{job[kind.name_key]}-aws-{kind.resource}"
    source = {"SourceArn": job[kind.arn_key], "SourceType": f"SageMaker{kind.title}Job"}
    component: Document = {
        "TrialComponentName": name,
        "TrialComponentArn": records.arn_of(context, COMPONENT, name),
        "DisplayName": config.get("TrialComponentDisplayName", name),
        "Source": source,
        "Status": _status(kind, job),
        "StartTime": job["CreationTime"],
        "CreationTime": job["CreationTime"],
        "Parents": [],
        **_described(context, kind, job),
    }
    if trial := _trial(context, config, name):
        add_parent(component, trial)
    if "RunName" in config:
        run = records.get(context, COMPONENT, config["RunName"])
        run["Sources"] = [*run.get("Sources", []), source]
        records.put(context, COMPONENT, run)
        component["RunName"] = run["TrialComponentName"]
    records.put(context, COMPONENT, component)
    tracking.add_inputs(context, component)


def end(
    context: Context,
    kind: JobKind,
    job: Document,
    history: Callable[[str], list[float]] = lambda _: [],
) -> None:
    """Write how a job ended into its trial component, unless somebody deleted that.

    Args:
        context: the server.
        kind: the job's kind.
        job: its document.
        history: returns all values of one of its metrics.
    """
    name = f"{job[kind.name_key]}-aws-{kind.resource}".lower()
    component = context.store.get(COMPONENT.resource, name)
    if component is None:
        return
    component |= {"Status": _status(kind, job), "EndTime": job[kind.end_key]}
    component["StartTime"] = job.get(kind.start_key, component["StartTime"])
    model = (job.get("ModelArtifacts") or {}).get("S3ModelArtifacts")
    if model:
        outputs = component.get("OutputArtifacts", {})
        component["OutputArtifacts"] = outputs | {"SageMaker.ModelArtifact": {"Value": model}}
    for metric in job.get("FinalMetricDataList") or []:
        values = history(metric["MetricName"]) or [metric["Value"]]
        data = [{**metric, "Value": value} for value in values]
        metrics.add(component, data, job[kind.arn_key])
    records.put(context, COMPONENT, component)
    if job[kind.status_key] == "Completed":
        checkpoint = (job.get("CheckpointConfig") or {}).get("S3Uri", "")
        tracking.add_outputs(context, component, checkpoint)


def ensure_trial(context: Context, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Create the experiment and trial of a pipeline's execution where they are not there.

    Args:
        context: the server.
        config: the execution's PipelineExperimentConfig, evaluated.

    Returns:
        What the Create request of each job of the execution has beside its own members.
    """
    if not config or not config.get("ExperimentName") or not config.get("TrialName"):
        return {}
    request = {key: config[key] for key in ("ExperimentName", "TrialName")}
    store = context.store
    with store.transaction():
        if store.get(EXPERIMENT.resource, request["ExperimentName"].lower()) is None:
            records.create(context, EXPERIMENT, {"ExperimentName": request["ExperimentName"]})
        if store.get(TRIAL.resource, request["TrialName"].lower()) is None:
            records.create(context, TRIAL, request)
    return {"ExperimentConfig": request}


def _trial(context: Context, config: Mapping[str, str], component: str) -> Document | None:
    """The trial that a job's component is part of; a new one where only the experiment is named."""
    if "ExperimentName" not in config and "TrialName" not in config:
        return None
    experiment = None
    if "ExperimentName" in config:
        experiment = records.get(context, EXPERIMENT, config["ExperimentName"])
    if "TrialName" in config:
        trial = records.get(context, TRIAL, config["TrialName"])
        if experiment and trial["ExperimentName"] != experiment["ExperimentName"]:
            raise invalid(
                f"Trial '{trial['TrialArn']}' is part of the experiment "
                f"{trial['ExperimentName']}, not of {experiment['ExperimentName']}."
            )
        return trial
    assert experiment is not None
    name = component[:_LONGEST_NAME].rstrip("-")
    members = {"TrialName": name, "ExperimentName": experiment["ExperimentName"]}
    if context.store.get(TRIAL.resource, name.lower()) is None:
        records.create(context, TRIAL, members)
    return members


def _status(kind: JobKind, job: Document) -> Document:
    status = job[kind.status_key]
    reason = job.get("FailureReason")
    details = {
        TRAINING: f", secondary status: {job.get('SecondaryStatus', status)}, "
        f"failure reason: {reason or ''}.",
        PROCESSING: f", exit message: {job.get('ExitMessage') or 'null'}, "
        f"failure reason: {reason or 'null'}",
    }
    detail = details.get(kind, f", failure reason: {reason or 'null'}")
    return {"PrimaryStatus": status, "Message": f"Status: {status}{detail}"[:1024]}


def _described(context: Context, kind: JobKind, job: Document) -> Document:
    """The parameters and artifacts of a job's component, as far as its request has them."""
    if kind == TRAINING:
        return _of_training(job)
    return _of_processing(job) if kind == PROCESSING else _of_transform(context, job)


def _of_training(job: Document) -> Document:
    algorithm, resources = job["AlgorithmSpecification"], job["ResourceConfig"]
    parameters = {name: _parameter(text) for name, text in job.get("HyperParameters", {}).items()}
    inputs = {
        channel["ChannelName"]: _artifact(uri, channel.get("ContentType"))
        for channel in job.get("InputDataConfig") or []
        if (uri := channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri"))
    }
    outputs = {}
    if hook := (job.get("DebugHookConfig") or {}).get("S3OutputPath"):
        outputs["SageMaker.DebugHookOutput"] = _artifact(hook)
    return {
        "Parameters": parameters
        | _machines(resources)
        | {"SageMaker.ImageUri": {"StringValue": algorithm["TrainingImage"]}},
        "InputArtifacts": inputs,
        "OutputArtifacts": outputs,
    }


def _of_processing(job: Document) -> Document:
    inputs = {
        each["InputName"]: _artifact(each["S3Input"]["S3Uri"])
        for each in job.get("ProcessingInputs") or []
        if "S3Input" in each
    }
    outputs = {
        each["OutputName"]: _artifact(each["S3Output"]["S3Uri"])
        for each in (job.get("ProcessingOutputConfig") or {}).get("Outputs", [])
        if "S3Output" in each
    }
    image = job["AppSpecification"]["ImageUri"]
    return {
        "Parameters": _machines(job["ProcessingResources"].get("ClusterConfig", {})),
        "InputArtifacts": {"SageMaker.ImageUri": _artifact(image), **inputs},
        "OutputArtifacts": outputs,
    }


def _of_transform(context: Context, job: Document) -> Document:
    model = context.store.get("model", job["ModelName"]) or {}
    container = model.get("PrimaryContainer") or (model.get("Containers") or [{}])[0]
    texts = {
        "SageMaker.ModelName": job["ModelName"],
        "SageMaker.ModelPrimary.DataUrl": container.get("ModelDataUrl"),
        "SageMaker.ModelPrimary.Image": container.get("Image"),
    }
    source = job["TransformInput"]
    uri = source["DataSource"]["S3DataSource"]["S3Uri"]
    output = job["TransformOutput"]["S3OutputPath"]
    return {
        "Parameters": _machines(job["TransformResources"])
        | {name: {"StringValue": text} for name, text in texts.items() if text},
        "InputArtifacts": {"SageMaker.TransformInput": _artifact(uri, source.get("ContentType"))},
        "OutputArtifacts": {"SageMaker.TransformOutput": _artifact(output)},
    }


def _machines(resources: Mapping[str, Any]) -> Document:
    return {
        f"SageMaker.{name}": {"StringValue" if isinstance(value, str) else "NumberValue": value}
        for name in ("InstanceCount", "InstanceType", "VolumeSizeInGB")
        if (value := resources.get(name)) is not None
    }


def _parameter(text: str) -> Document:
    value = number(text)
    return {"StringValue": text} if value is None else {"NumberValue": value}


def _artifact(value: str, media_type: str | None = None) -> Document:
    return {"Value": value} | ({"MediaType": media_type} if media_type else {})
