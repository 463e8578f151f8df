"""Executions of pipelines: the operations. `run` carries the executions out."""

from __future__ import annotations

import json
import random
import string
import time
from typing import TYPE_CHECKING, Any, cast

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import PAGED, SORTED, Stored, page
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.pipelines import versions
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.parameters import bind
from sagemaker_emulator.sagemaker.pipelines.operations import check_definition, requested_pipeline
from sagemaker_emulator.sagemaker.pipelines.run import records
from sagemaker_emulator.sagemaker.pipelines.run.execution_values import (
    experiment_config,
    mlflow_config,
)
from sagemaker_emulator.sagemaker.pipelines.run.scheduler import SKIPPED
from sagemaker_emulator.sagemaker.pipelines.run.selection import record_other_steps, resolve
from sagemaker_emulator.sagemaker.pipelines.run.status_events import emit_execution_event

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

_ALPHABET = string.ascii_lowercase + string.digits


@operation(
    "StartPipelineExecution",
    honours=paths("""
        PipelineName PipelineExecutionDisplayName PipelineParameters PipelineExecutionDescription
        ClientRequestToken ParallelismConfiguration SelectiveExecutionConfig PipelineVersionId
        MlflowExperimentName PipelineVersionAlias RoleArn
    """),
)
def start(context: Context, request: types.StartPipelineExecutionRequestTypeDef) -> Response:
    """Start an execution; a repeated ClientRequestToken returns the ARN of the first one."""
    store = context.store
    pipeline = requested_pipeline(context, request)
    if "RoleArn" in request:
        # The API reference's words; pipelines that AWS manages are not here.
        raise invalid(
            "You can't specify RoleArn for a pipeline that you create, because its executions use "
            "the pipeline's role. Change that with UpdatePipeline."
        )
    token = f"start/{pipeline['PipelineName']}/{request['ClientRequestToken']}"
    if earlier := store.get(records.TOKEN, token):
        return {"PipelineExecutionArn": earlier["PipelineExecutionArn"]}
    version = versions.requested_version(store, pipeline, request)
    definition = check_definition(versions.definition_of(store, version))
    config = request.get("SelectiveExecutionConfig")
    try:
        values = bind(definition.parameters, request.get("PipelineParameters", []))
        selection = config and resolve(store, definition, pipeline["PipelineArn"], config)
    except DefinitionError as error:
        raise invalid(str(error)) from error
    execution_id = "".join(random.choices(_ALPHABET, k=12))
    arn = f"{pipeline['PipelineArn']}/execution/{execution_id}"
    now = time.time()
    display_name = request.get("PipelineExecutionDisplayName", f"execution-{int(now * 1000)}")
    parallelism = request.get("ParallelismConfiguration", pipeline.get("ParallelismConfiguration"))
    record: dict[str, Any] = {
        "PipelineArn": pipeline["PipelineArn"],
        "PipelineName": pipeline["PipelineName"],
        "PipelineVersionId": version["PipelineVersionId"],
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": display_name,
        "PipelineExecutionDescription": request.get("PipelineExecutionDescription"),
        "PipelineExecutionStatus": "Executing",
        "Parameters": values,
        "CreationTime": now,
        "LastModifiedTime": now,
        "ParallelismConfiguration": parallelism,
        "SelectiveExecutionConfig": config,
    }
    experiment: Any = request.get("MlflowExperimentName")
    record["PipelineExperimentConfig"] = experiment_config(definition, record)
    record["MLflowConfig"] = mlflow_config(definition, record, experiment)
    with store.transaction():
        if earlier := store.get(records.TOKEN, token):  # of the same request, sent at the same time
            return {"PipelineExecutionArn": earlier["PipelineExecutionArn"]}
        requested_pipeline(context, request)  # it may have been deleted meanwhile
        record["DefinitionName"] = version["DefinitionName"]
        store.put(records.EXECUTION, arn, record)
        store.update(versions.VERSION, version["Name"], LastExecutionPipelineExecutionArn=arn)
        store.put(records.TOKEN, token, {"PipelineExecutionArn": arn})
        store.update(records.PIPELINE, pipeline["PipelineName"], LastRunTime=now)
        job_components.ensure_trial(context, record["PipelineExperimentConfig"])
        if config and selection:
            source_arn = config.get("SourcePipelineExecutionArn")
            record_other_steps(store, definition, arn, selection, source_arn)
    emit_execution_event(context, cast(records.ExecutionRecord, record), "Executing")
    context.executions.drive(arn)
    return {"PipelineExecutionArn": arn}


@operation("DescribePipelineExecution", honours=paths("PipelineExecutionArn"))
def describe(context: Context, request: types.DescribePipelineExecutionRequestTypeDef) -> Response:
    """Return an execution's status and settings."""
    execution = records.get_execution(context.store, request["PipelineExecutionArn"])
    aliases = versions.aliases_of(context.store, execution)
    # The role is returned only for pipelines that AWS manages; earlier versions kept it.
    return with_user(context, {**execution, "PipelineVersionAliases": aliases, "RoleArn": None})


@operation(
    "UpdatePipelineExecution",
    honours=paths("""
        PipelineExecutionArn PipelineExecutionDescription PipelineExecutionDisplayName
        ParallelismConfiguration
    """),
)
def update(context: Context, request: types.UpdatePipelineExecutionRequestTypeDef) -> Response:
    """Change an execution's name, description or parallelism."""
    arn = request["PipelineExecutionArn"]
    records.get_execution(context.store, arn)
    records.update_execution(context.store, arn, **request)
    return {"PipelineExecutionArn": arn}


@operation(
    "ListPipelineExecutions",
    honours=paths(SORTED + "PipelineName CreatedAfter CreatedBefore PipelineVersionAlias"),
)
def list_executions(
    context: Context, request: types.ListPipelineExecutionsRequestTypeDef
) -> Response:
    """List a pipeline's executions, latest first unless the request orders otherwise."""
    pipeline = requested_pipeline(context, request)
    named = "PipelineVersionAlias" in request
    version = versions.requested_version(context.store, pipeline, request) if named else None
    executions = Stored(
        context.store,
        records.EXECUTION,
        f"{pipeline['PipelineArn']}/execution/",
        keep=lambda execution: (
            version is None or execution["PipelineVersionId"] == version["PipelineVersionId"]
        ),
        show=lambda execution: {
            **execution,
            "StartTime": execution["CreationTime"],
            "PipelineExecutionFailureReason": execution.get("FailureReason"),
        },
    )
    return page(
        "ListPipelineExecutions",
        request,
        executions,
        "PipelineExecutionSummaries",
        "PipelineExecution",
        identity="PipelineExecutionArn",
    )


@operation("ListPipelineExecutionSteps", honours=paths(PAGED + "PipelineExecutionArn SortOrder"))
def list_steps(
    context: Context, request: types.ListPipelineExecutionStepsRequestTypeDef
) -> Response:
    """List the steps that have begun, latest first unless the request orders otherwise."""
    arn = request.get("PipelineExecutionArn", "")
    records.get_execution(context.store, arn)
    steps = [
        {**records.listed_step(step), "CreationTime": step["StartTime"]}
        for step in records.step_records(context.store, arn).values()
        if step["StepStatus"] != SKIPPED
    ]
    return page("ListPipelineExecutionSteps", request, steps, "PipelineExecutionSteps", "Step")


@operation("ListPipelineParametersForExecution", honours=paths(PAGED + "PipelineExecutionArn"))
def list_parameters(
    context: Context, request: types.ListPipelineParametersForExecutionRequestTypeDef
) -> Response:
    """List the value of every parameter in an execution, defaults included."""
    execution = records.get_execution(context.store, request["PipelineExecutionArn"])
    parameters = [
        {
            "Name": name,
            "Value": value if isinstance(value, str) else json.dumps(value),
            "Index": index,
        }
        for index, (name, value) in enumerate(execution["Parameters"].items())
    ]
    return page(
        "ListPipelineParametersForExecution",
        request,
        parameters,
        "PipelineParameters",
        "",
        sort_by="Index",
        order="Ascending",
    )


@operation("DescribePipelineDefinitionForExecution", honours=paths("PipelineExecutionArn"))
def describe_definition(
    context: Context, request: types.DescribePipelineDefinitionForExecutionRequestTypeDef
) -> Response:
    """Return the definition as it was when the execution began."""
    execution = records.get_execution(context.store, request["PipelineExecutionArn"])
    return {**execution, "PipelineDefinition": records.definition_text(context.store, execution)}


@operation("StopPipelineExecution", honours=paths("PipelineExecutionArn ClientRequestToken"))
def stop(context: Context, request: types.StopPipelineExecutionRequestTypeDef) -> Response:
    """Stop an execution: running steps are stopped, and no more start."""
    arn = request["PipelineExecutionArn"]
    token = f"stop/{arn}/{request['ClientRequestToken']}"
    with context.store.transaction():
        if context.store.get(records.TOKEN, token):
            return {"PipelineExecutionArn": arn}
        status = records.get_execution(context.store, arn)["PipelineExecutionStatus"]
        if status == "Stopping":
            return {"PipelineExecutionArn": arn}
        if status != "Executing":
            raise ApiError(
                "ConflictException",
                f"Only an execution that is Executing can be stopped; {arn} is {status}.",
            )
        record = records.update_execution(context.store, arn, PipelineExecutionStatus="Stopping")
        context.store.put(records.TOKEN, token, {"PipelineExecutionArn": arn})
    emit_execution_event(context, record, "Executing")
    context.executions.stop_execution(arn)
    return {"PipelineExecutionArn": arn}


@operation(
    "RetryPipelineExecution",
    honours=paths("PipelineExecutionArn ClientRequestToken ParallelismConfiguration"),
)
def retry(context: Context, request: types.RetryPipelineExecutionRequestTypeDef) -> Response:
    """Continue a failed or stopped execution where it ended; steps that succeeded are kept."""
    store, arn = context.store, request["PipelineExecutionArn"]
    token = f"retry/{arn}/{request['ClientRequestToken']}"
    with store.transaction():
        execution = records.get_execution(store, arn)
        if store.get(records.TOKEN, token):
            return {"PipelineExecutionArn": arn}
        status = execution["PipelineExecutionStatus"]
        if status not in ("Failed", "Stopped"):
            raise ApiError(
                "ConflictException",
                f"Only a Failed or Stopped execution can be retried; {arn} is {status}.",
            )
        config = execution.get("SelectiveExecutionConfig")
        selected = {entry["StepName"] for entry in config["SelectedSteps"]} if config else None
        for name, step in records.step_records(store, arn).items():
            if step["StepStatus"] != "Succeeded" and (selected is None or name in selected):
                store.delete(records.STEP, f"{arn}/step/{name}")
        changes: dict[str, Any] = {"PipelineExecutionStatus": "Executing", "FailureReason": None}
        if parallelism := request.get("ParallelismConfiguration"):
            changes["ParallelismConfiguration"] = parallelism
        record = records.update_execution(store, arn, **changes)
        store.put(records.TOKEN, token, {"PipelineExecutionArn": arn})
    emit_execution_event(context, record, status)
    context.executions.drive(arn)
    return {"PipelineExecutionArn": arn}
