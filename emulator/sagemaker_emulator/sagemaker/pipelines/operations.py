"""Pipelines: created, checked as a whole, changed and deleted."""

from __future__ import annotations

import time
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import operation, service_model
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.errors import ApiError, invalid, not_found
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition, parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.validation import validate
from sagemaker_emulator.sagemaker.pipelines.run.records import (
    CACHE,
    DEFINITION,
    EXECUTION,
    PIPELINE,
    STEP,
    step_records,
)

_LATEST = "The emulator keeps the latest version of a pipeline alone, and no aliases"


@operation("CreatePipeline")
def create_pipeline(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Create a pipeline, checked as a whole; the same ClientRequestToken again changes nothing."""
    name = request["PipelineName"]
    arn = context.arn("pipeline", name)
    if _exists(context, request):
        return {"PipelineArn": arn}
    if "PipelineVersionAliases" in request:
        raise invalid(f"PipelineVersionAliases: {_LATEST}.")
    text = _definition_text(context, request)
    if text is None:
        raise invalid("CreatePipeline needs PipelineDefinition or PipelineDefinitionS3Location.")
    checked(text)
    now = time.time()
    pipeline = {
        "PipelineArn": arn,
        "PipelineName": name,
        "PipelineDisplayName": request.get("PipelineDisplayName", name),
        "PipelineDefinition": text,
        "PipelineDescription": request.get("PipelineDescription"),
        "RoleArn": request["RoleArn"],
        "PipelineStatus": "Active",
        "CreationTime": now,
        "LastModifiedTime": now,
        "ParallelismConfiguration": request.get("ParallelismConfiguration"),
        "ClientRequestToken": request["ClientRequestToken"],
        "Version": 1,
    }
    with context.store.transaction():
        if not _exists(context, request):  # made meanwhile, since checking takes a while
            context.store.put(PIPELINE, name, pipeline)
            tags.add(context, arn, request.get("Tags"))
    return {"PipelineArn": arn}


@operation("UpdatePipeline")
def update_pipeline(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Change a pipeline; executions that are running keep the definition they began with."""
    pipeline_of(context, request)
    changes: dict[str, Any] = {
        key: request[key]
        for key in (
            "PipelineDisplayName",
            "PipelineDescription",
            "RoleArn",
            "ParallelismConfiguration",
        )
        if key in request
    }
    text = _definition_text(context, request)
    if text is not None:
        checked(text)
        changes["PipelineDefinition"] = text
    with context.store.transaction():
        pipeline = pipeline_of(context, request)
        version = pipeline["Version"] + 1
        context.store.update(
            PIPELINE,
            pipeline["PipelineName"],
            **changes,
            LastModifiedTime=time.time(),
            Version=version,
        )
    return {"PipelineArn": pipeline["PipelineArn"], "PipelineVersionId": version}


@operation("DescribePipeline")
def describe_pipeline(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A pipeline with its definition."""
    return pipeline_of(context, request)


@operation("ListPipelines")
def list_pipelines(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Pipelines, latest first unless asked otherwise."""
    pipelines = [
        {**pipeline, "LastExecutionTime": pipeline.get("LastRunTime")}
        for pipeline in context.store.list(PIPELINE, request.get("PipelineNamePrefix", ""))
    ]
    return page(
        request,
        pipelines,
        "PipelineSummaries",
        name="PipelineName",
        sort={"Name": "PipelineName"},
    )


@operation("DeletePipeline")
def delete_pipeline(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a pipeline and its executions; refused while one of them runs."""
    pipeline = pipeline_of(context, request)
    executions = context.store.list(EXECUTION, f"{pipeline['PipelineArn']}/execution/")
    running = [
        execution["PipelineExecutionArn"]
        for execution in executions
        if execution["PipelineExecutionStatus"] in ("Executing", "Stopping")
    ]
    if running:
        raise ApiError(
            "ConflictException",
            f"Pipeline {pipeline['PipelineName']} has executions that run: {', '.join(running)}. "
            "Stop them, or wait for their end.",
        )
    with context.store.transaction():
        for execution in executions:
            arn = execution["PipelineExecutionArn"]
            for step in step_records(context.store, arn):
                context.store.delete(STEP, f"{arn}/step/{step}")
            context.store.delete(EXECUTION, arn)
        for kind in (CACHE, DEFINITION):
            for kept in context.store.list(kind, f"{pipeline['PipelineName']}/"):
                context.store.delete(kind, kept["Name"])
        context.store.delete(PIPELINE, pipeline["PipelineName"])
    return {"PipelineArn": pipeline["PipelineArn"]}


def pipeline_of(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The pipeline that a request names by name or ARN, and perhaps by version.

    Raises:
        ApiError: there is none, or another version than the latest is asked for.
    """
    name = request["PipelineName"].rsplit("/", 1)[-1]
    pipeline = context.store.get(PIPELINE, name)
    if pipeline is None:
        raise not_found(f"Pipeline '{context.arn('pipeline', name)}' does not exist.")
    latest = pipeline["Version"]
    aliased = request.keys() & {"PipelineVersionAlias", "PipelineVersionAliases"}
    if aliased or request.get("PipelineVersionId", latest) != latest:
        raise invalid(
            f"{_LATEST}: that of '{name}' is {latest}. "
            "To run an earlier one, update the pipeline with its definition."
        )
    return pipeline


def _exists(context: Context, request: dict[str, Any]) -> bool:
    """Whether an earlier try of the same CreatePipeline request made the pipeline.

    Raises:
        ApiError: Another request has made one of that name.
    """
    name = request["PipelineName"]
    existing = context.store.get(PIPELINE, name)
    if existing and existing["ClientRequestToken"] != request["ClientRequestToken"]:
        # The service answers a taken name so, and SDKs look for these words in `upsert`.
        raise invalid(
            f"Pipeline names must be unique within an AWS account and region. Pipeline with name "
            f"({name}) already exists. Use UpdatePipeline, or another name."
        )
    return existing is not None


def _definition_text(context: Context, request: dict[str, Any]) -> str | None:
    inline, location = (
        request.get("PipelineDefinition"),
        request.get("PipelineDefinitionS3Location"),
    )
    if inline is not None and location is not None:
        raise invalid("Give PipelineDefinition or PipelineDefinitionS3Location, not both.")
    if location is None:
        return inline
    try:
        return (context.state / "s3" / location["Bucket"] / location["ObjectKey"]).read_text()
    except OSError as error:
        raise invalid(
            f"PipelineDefinitionS3Location s3://{location['Bucket']}/{location['ObjectKey']} "
            "cannot be read: there is no such object."
        ) from error


def checked(text: str) -> Definition:
    """A definition that may run.

    Raises:
        ApiError: a ValidationException that names the step and the key.
    """
    try:
        definition = parse(text)
        validate(definition, service_model("sagemaker").operation_model)
    except DefinitionError as error:
        raise invalid(str(error)) from error
    return definition
