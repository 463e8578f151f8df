"""Executions of pipelines: the operations. `run` carries the executions out."""

from __future__ import annotations

import json
import random
import string
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sagemaker_emulator.aws.dispatch import Context, operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.parameters import bind
from sagemaker_emulator.sagemaker.pipelines.operations import checked, requested_pipeline
from sagemaker_emulator.sagemaker.pipelines.run.executions import Executions
from sagemaker_emulator.sagemaker.pipelines.run.records import (
    EXECUTION,
    PIPELINE,
    STEP,
    TOKEN,
    ExecutionRecord,
    definition_text,
    get_execution,
    is_listed,
    keep_definition,
    list_executions,
    shown,
    step_records,
    update_execution,
)
from sagemaker_emulator.sagemaker.pipelines.run.selection import record_other_steps, resolve
from sagemaker_emulator.sagemaker.pipelines.run.status_events import emit_execution_event

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

# Members of a StartPipelineExecution request that an execution keeps as they are.
_OPTIONS = (
    "PipelineExecutionDisplayName",
    "PipelineExecutionDescription",
    "ParallelismConfiguration",
    "SelectiveExecutionConfig",
    "RoleArn",
)
_ALPHABET = string.ascii_lowercase + string.digits
_executions: dict[Path, Executions] = {}


def start(context: Context) -> None:
    """Continue the executions that an earlier process left unfinished."""
    _running(context).start()


def stop(context: Context) -> None:
    """End the threads of running executions; the next `start` continues them."""
    executions = _executions.pop(context.state, None)
    if executions:
        executions.stop()


def _running(context: Context) -> Executions:
    return _executions.setdefault(context.state, Executions(context))


@operation("StartPipelineExecution")
def start_pipeline_execution(
    context: Context, request: types.StartPipelineExecutionRequestTypeDef
) -> dict[str, Any]:
    """Start an execution; a repeated ClientRequestToken returns the ARN of the first one."""
    store = context.store
    pipeline = requested_pipeline(context, request)
    if "MlflowExperimentName" in request:
        raise invalid(
            "MlflowExperimentName is not supported: the emulator passes no MLflow experiment to a "
            "pipeline's jobs. Remove it, and set the variable MLFLOW_EXPERIMENT_NAME in a step's "
            "Environment."
        )
    token = f"start/{pipeline['PipelineName']}/{request['ClientRequestToken']}"
    if earlier := store.get(TOKEN, token):
        return {"PipelineExecutionArn": earlier["PipelineExecutionArn"]}
    definition = checked(pipeline["PipelineDefinition"])
    config = request.get("SelectiveExecutionConfig")
    try:
        values = bind(definition.parameters, request.get("PipelineParameters", []))
        selection = config and resolve(store, definition, pipeline["PipelineArn"], config)
    except DefinitionError as error:
        raise invalid(str(error)) from error
    execution_id = "".join(random.choices(_ALPHABET, k=12))
    arn = f"{pipeline['PipelineArn']}/execution/{execution_id}"
    now = time.time()
    options = {key: value for key, value in request.items() if key in _OPTIONS}
    record = cast(
        ExecutionRecord,
        {
            "PipelineArn": pipeline["PipelineArn"],
            "PipelineName": pipeline["PipelineName"],
            "PipelineVersionId": pipeline["Version"],
            "PipelineExecutionArn": arn,
            "PipelineExecutionDisplayName": f"execution-{int(now * 1000)}",
            "PipelineExecutionStatus": "Executing",
            "PipelineExperimentConfig": _experiment(
                definition, pipeline["PipelineName"], execution_id
            ),
            "Parameters": values,
            "CreationTime": now,
            "LastModifiedTime": now,
            "ParallelismConfiguration": pipeline.get("ParallelismConfiguration"),
            "RoleArn": pipeline["RoleArn"],
            **options,
        },
    )
    with store.transaction():
        if earlier := store.get(TOKEN, token):  # of the same request, sent at the same time
            return {"PipelineExecutionArn": earlier["PipelineExecutionArn"]}
        record["DefinitionName"] = keep_definition(store, pipeline)
        store.put(EXECUTION, arn, dict(record))
        store.put(TOKEN, token, {"PipelineExecutionArn": arn})
        store.update(PIPELINE, pipeline["PipelineName"], LastRunTime=now)
        if config and selection:
            source_arn = config.get("SourcePipelineExecutionArn")
            record_other_steps(store, definition, arn, selection, source_arn)
    emit_execution_event(context, record, "Executing")
    _running(context).drive(arn)
    return {"PipelineExecutionArn": arn}


def _experiment(
    definition: Definition, pipeline: str, execution_id: str
) -> types.PipelineExperimentConfigTypeDef | None:
    if not definition.experiment:
        return None
    variables = {"Execution.PipelineName": pipeline}
    config = {
        key: variables.get(str(value.get("Get")), execution_id)
        if isinstance(value, dict)
        else value
        for key, value in definition.experiment.items()
        if key in ("ExperimentName", "TrialName")
    }
    return cast("types.PipelineExperimentConfigTypeDef", config)


@operation("DescribePipelineExecution")
def describe_pipeline_execution(
    context: Context, request: types.DescribePipelineExecutionRequestTypeDef
) -> ExecutionRecord:
    """Return an execution's status and settings."""
    return get_execution(context.store, request["PipelineExecutionArn"])


@operation("UpdatePipelineExecution")
def update_pipeline_execution(
    context: Context, request: types.UpdatePipelineExecutionRequestTypeDef
) -> dict[str, Any]:
    """Change an execution's name, description or parallelism."""
    arn = get_execution(context.store, request["PipelineExecutionArn"])["PipelineExecutionArn"]
    update_execution(context.store, arn, **request)
    return {"PipelineExecutionArn": arn}


@operation("ListPipelineExecutions")
def list_pipeline_executions(
    context: Context, request: types.ListPipelineExecutionsRequestTypeDef
) -> dict[str, Any]:
    """List a pipeline's executions, latest first unless the request orders otherwise."""
    pipeline = requested_pipeline(context, request)
    executions = [
        {
            **execution,
            "StartTime": execution["CreationTime"],
            "PipelineExecutionFailureReason": execution.get("FailureReason"),
        }
        for execution in list_executions(context.store, pipeline["PipelineArn"])
    ]
    return page(request, executions, "PipelineExecutionSummaries", name="PipelineName")


@operation("ListPipelineExecutionSteps")
def list_pipeline_execution_steps(
    context: Context, request: types.ListPipelineExecutionStepsRequestTypeDef
) -> dict[str, Any]:
    """List the steps that have begun, latest first unless the request orders otherwise."""
    arn = request.get("PipelineExecutionArn", "")
    get_execution(context.store, arn)
    records = step_records(context.store, arn).values()
    return page(
        request,
        [shown(record) for record in records if is_listed(record)],
        "PipelineExecutionSteps",
        name="StepName",
        sort={"CreationTime": "StartTime"},
    )


@operation("ListPipelineParametersForExecution")
def list_pipeline_parameters(
    context: Context, request: types.ListPipelineParametersForExecutionRequestTypeDef
) -> dict[str, Any]:
    """List the value of every parameter in an execution, defaults included."""
    execution = get_execution(context.store, request["PipelineExecutionArn"])
    parameters = [
        {"Name": name, "Value": value if isinstance(value, str) else json.dumps(value)}
        for name, value in execution["Parameters"].items()
    ]
    return page(request, parameters, "PipelineParameters", name="Name", default_order="Ascending")


@operation("DescribePipelineDefinitionForExecution")
def describe_definition(
    context: Context, request: types.DescribePipelineDefinitionForExecutionRequestTypeDef
) -> dict[str, Any]:
    """Return the definition as it was when the execution began."""
    execution = get_execution(context.store, request["PipelineExecutionArn"])
    return {**execution, "PipelineDefinition": definition_text(context.store, execution)}


@operation("StopPipelineExecution")
def stop_pipeline_execution(
    context: Context, request: types.StopPipelineExecutionRequestTypeDef
) -> dict[str, Any]:
    """Stop an execution: running steps are stopped, and no more start."""
    arn = request["PipelineExecutionArn"]
    with context.store.transaction():
        status = get_execution(context.store, arn)["PipelineExecutionStatus"]
        if status == "Stopping":
            return {"PipelineExecutionArn": arn}
        if status != "Executing":
            raise ApiError(
                "ConflictException",
                f"Only an execution that is Executing can be stopped; {arn} is {status}.",
            )
        record = update_execution(context.store, arn, PipelineExecutionStatus="Stopping")
    emit_execution_event(context, record, "Executing")
    _running(context).stop_execution(arn)
    return {"PipelineExecutionArn": arn}


@operation("RetryPipelineExecution")
def retry_pipeline_execution(
    context: Context, request: types.RetryPipelineExecutionRequestTypeDef
) -> dict[str, Any]:
    """Continue a failed or stopped execution where it ended; steps that succeeded are kept."""
    store, arn = context.store, request["PipelineExecutionArn"]
    token = f"retry/{arn}/{request['ClientRequestToken']}"
    with store.transaction():
        execution = get_execution(store, arn)
        if store.get(TOKEN, token):
            return {"PipelineExecutionArn": arn}
        status = execution["PipelineExecutionStatus"]
        if status not in ("Failed", "Stopped"):
            raise ApiError(
                "ConflictException",
                f"Only a Failed or Stopped execution can be retried; {arn} is {status}.",
            )
        config = execution.get("SelectiveExecutionConfig")
        selected = {entry["StepName"] for entry in config["SelectedSteps"]} if config else None
        for name, step in step_records(store, arn).items():
            if step["StepStatus"] != "Succeeded" and (selected is None or name in selected):
                store.delete(STEP, f"{arn}/step/{name}")
        changes: dict[str, Any] = {"PipelineExecutionStatus": "Executing", "FailureReason": None}
        if "ParallelismConfiguration" in request:
            changes["ParallelismConfiguration"] = request["ParallelismConfiguration"]
        record = update_execution(store, arn, **changes)
        store.put(TOKEN, token, {"PipelineExecutionArn": arn})
    emit_execution_event(context, record, status)
    _running(context).drive(arn)
    return {"PipelineExecutionArn": arn}
