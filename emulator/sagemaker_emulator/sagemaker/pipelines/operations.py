"""Pipelines: created, checked as a whole, changed and deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import SORTED, Stored, page
from sagemaker_emulator.errors import ApiError, invalid, not_found
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.sagemaker.pipelines import versions
from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition, parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.validation import validate
from sagemaker_emulator.sagemaker.pipelines.run import records

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation(
    "CreatePipeline",
    honours=paths("""
        PipelineName PipelineDisplayName PipelineDefinition PipelineDescription ClientRequestToken
        PipelineDefinitionS3Location{Bucket ObjectKey} RoleArn Tags ParallelismConfiguration
        PipelineVersionAliases
    """),
)
def create_pipeline(context: Context, request: types.CreatePipelineRequestTypeDef) -> Response:
    """Create a pipeline, checked as a whole; a repeated ClientRequestToken changes nothing."""
    name = request["PipelineName"]
    arn = context.arn("pipeline", name)
    if _is_repeated(context, request):
        return {"PipelineArn": arn}
    text = _definition_text(context, request)
    if text is None:
        raise invalid("CreatePipeline needs PipelineDefinition or PipelineDefinitionS3Location.")
    check_definition(text)
    aliases: Any = request.get("PipelineVersionAliases", ())
    now = time.time()
    pipeline: records.PipelineRecord = {
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
        if not _is_repeated(context, request):  # made by another request while this one was checked
            context.store.put(records.PIPELINE, name, dict(pipeline))
            versions.add(context.store, pipeline, aliases)
            tags.add(context, arn, request.get("Tags"))
    return {"PipelineArn": arn}


@operation(
    "UpdatePipeline",
    honours=paths("""
        PipelineName PipelineDisplayName PipelineDefinition PipelineDescription RoleArn
        PipelineDefinitionS3Location{Bucket ObjectKey} ParallelismConfiguration
        PipelineVersionAliases
    """),
)
def update_pipeline(context: Context, request: types.UpdatePipelineRequestTypeDef) -> Response:
    """Change a pipeline; running executions keep the definition that they began with.

    Another definition makes a new version of the pipeline.
    """
    requested_pipeline(context, request)
    kept = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
    changes: dict[str, Any] = {key: value for key, value in request.items() if key in kept}
    text = _definition_text(context, request)
    if text is not None:
        check_definition(text)
        changes["PipelineDefinition"] = text
    with context.store.transaction():
        pipeline = requested_pipeline(context, request)
        versions.keep_first(context.store, pipeline)
        is_new = text not in (None, pipeline["PipelineDefinition"])
        aliases: Any = request.get("PipelineVersionAliases", ())
        if aliases and not is_new:
            raise invalid(
                "You can specify PipelineVersionAliases only when the update changes the pipeline "
                "definition. To change the aliases of an existing version, use "
                "UpdatePipelineVersion."
            )
        changes |= {
            "LastModifiedTime": time.time(),
            "Version": pipeline["Version"] + (1 if is_new else 0),
        }
        updated = context.store.update(records.PIPELINE, pipeline["PipelineName"], **changes)
        if is_new:
            versions.add(context.store, cast(records.PipelineRecord, updated), aliases)
    return {"PipelineArn": pipeline["PipelineArn"], "PipelineVersionId": changes["Version"]}


@operation("DescribePipeline", honours=paths("PipelineName PipelineVersionId PipelineVersionAlias"))
def describe_pipeline(context: Context, request: types.DescribePipelineRequestTypeDef) -> Response:
    """Return a pipeline with the definition of its latest version, or of the requested one."""
    pipeline = requested_pipeline(context, request)
    version = versions.requested_version(context.store, pipeline, request)
    text = versions.definition_of(context.store, version)
    names = ("PipelineVersionDisplayName", "PipelineVersionDescription", "PipelineVersionAliases")
    named = {key: value for key, value in version.items() if key in names and value}
    return with_user(context, {**pipeline, **named, "PipelineDefinition": text})


@operation(
    "ListPipelines",
    honours=paths(SORTED + "PipelineNamePrefix CreatedAfter CreatedBefore ManagedBy"),
)
def list_pipelines(context: Context, request: types.ListPipelinesRequestTypeDef) -> Response:
    """List pipelines, latest first unless the request orders otherwise."""
    pipelines = Stored(
        context.store,
        records.PIPELINE,
        request.get("PipelineNamePrefix", ""),
        keep=lambda _: request.get("ManagedBy") != "AWS",  # a customer manages all
        show=lambda pipeline: {**pipeline, "LastExecutionTime": pipeline.get("LastRunTime")},
        name_holds="",
    )
    return page("ListPipelines", request, pipelines, "PipelineSummaries", "Pipeline")


@operation("DeletePipeline", honours=paths("PipelineName ClientRequestToken"))
def delete_pipeline(context: Context, request: types.DeletePipelineRequestTypeDef) -> Response:
    """Delete a pipeline and its executions; refused while one of them is running.

    A repeated ClientRequestToken returns what the first request did.
    """
    store = context.store
    token = f"delete/{request['PipelineName'].rsplit('/', 1)[-1]}/{request['ClientRequestToken']}"
    if (earlier := store.get(records.TOKEN, token)) and not store.get(
        records.PIPELINE, earlier["PipelineName"]
    ):
        return {"PipelineArn": earlier["PipelineArn"]}
    with store.transaction():
        pipeline = requested_pipeline(context, request)
        executions = records.list_executions(store, pipeline["PipelineArn"])
        running = [
            execution["PipelineExecutionArn"]
            for execution in executions
            if execution["PipelineExecutionStatus"] in ("Executing", "Stopping")
        ]
        if running:
            raise ApiError(
                "ConflictException",
                f"Pipeline {pipeline['PipelineName']} has running executions: "
                f"{', '.join(running)}. "
                "Stop them, or wait until they end.",
            )
        for execution in executions:
            arn = execution["PipelineExecutionArn"]
            for step in records.step_records(store, arn):
                store.delete(records.STEP, f"{arn}/step/{step}")
            store.delete(records.EXECUTION, arn)
        for kind in (records.CACHE, records.DEFINITION, versions.VERSION):
            for document in store.list(kind, f"{pipeline['PipelineName']}/"):
                store.delete(kind, document["Name"])
        store.delete(records.PIPELINE, pipeline["PipelineName"])
        store.put(
            records.TOKEN,
            token,
            {"PipelineArn": pipeline["PipelineArn"], "PipelineName": pipeline["PipelineName"]},
        )
    return {"PipelineArn": pipeline["PipelineArn"]}


def requested_pipeline(context: Context, request: Mapping[str, Any]) -> records.PipelineRecord:
    """Return the pipeline that a request names by name or ARN.

    Raises:
        ApiError: there is none.
    """
    name = request["PipelineName"].rsplit("/", 1)[-1]
    pipeline = context.store.get(records.PIPELINE, name)
    if pipeline is None:
        raise not_found(f"Pipeline '{context.arn('pipeline', name)}' does not exist.")
    return cast(records.PipelineRecord, pipeline)


def _is_repeated(context: Context, request: types.CreatePipelineRequestTypeDef) -> bool:
    """Return whether an earlier attempt of the same CreatePipeline request made the pipeline.

    Raises:
        ApiError: another request has made a pipeline of that name.
    """
    name = request["PipelineName"]
    existing = context.store.get(records.PIPELINE, name)
    if existing and existing["ClientRequestToken"] != request["ClientRequestToken"]:
        # AWS's words, which SDKs look for in `upsert`.
        raise invalid(
            f"Pipeline names must be unique within an AWS account and region. Pipeline with name "
            f"({name}) already exists. Use UpdatePipeline, or another name."
        )
    return existing is not None


def _definition_text(
    context: Context,
    request: types.CreatePipelineRequestTypeDef | types.UpdatePipelineRequestTypeDef,
) -> str | None:
    inline = request.get("PipelineDefinition")
    location = request.get("PipelineDefinitionS3Location")
    if location is None:
        return inline
    if inline is not None:
        raise invalid("Use PipelineDefinition or PipelineDefinitionS3Location, not both.")
    uri = f"s3://{location['Bucket']}/{location['ObjectKey']}"
    content = context.s3.read(uri)
    if content is None:
        raise invalid(
            f"PipelineDefinitionS3Location {uri} cannot be read: there is no such object."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(f"PipelineDefinitionS3Location {uri} is not UTF-8: {error.reason}.") from None


def check_definition(text: str) -> Definition:
    """Parse a definition and check it as a whole.

    Raises:
        ApiError: a ValidationException that names the step and the key.
    """
    try:
        definition = parse(text)
        validate(definition)
    except DefinitionError as error:
        raise invalid(str(error)) from error
    return definition
