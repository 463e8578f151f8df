"""Executions of pipelines: the operations. `run` does the work."""

from __future__ import annotations

import json
import random
import string
import time
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.errors import ApiError, invalid, not_found
from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.graph import parents
from sagemaker_emulator.sagemaker.pipelines.language.parameters import bind
from sagemaker_emulator.sagemaker.pipelines.operations import checked, pipeline_of
from sagemaker_emulator.sagemaker.pipelines.run.engine import execution_changed
from sagemaker_emulator.sagemaker.pipelines.run.records import (
    EXECUTION,
    PIPELINE,
    STEP,
    TOKEN,
    definition_of,
    is_listed,
    keep_definition,
    shown,
    step_records,
)
from sagemaker_emulator.sagemaker.pipelines.run.scheduler import SKIPPED
from sagemaker_emulator.sagemaker.pipelines.run.selection import Selection, select

_ALPHABET = string.ascii_lowercase + string.digits


@operation("StartPipelineExecution")
def start_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Start an execution; the same ClientRequestToken again answers with the first one's ARN."""
    pipeline = pipeline_of(context, request)
    if "MlflowExperimentName" in request:
        raise invalid(
            "MlflowExperimentName: the emulator tells a pipeline's jobs of no experiment; leave it "
            "out, and give a step's Environment a variable MLFLOW_EXPERIMENT_NAME."
        )
    token = f"start/{pipeline['PipelineName']}/{request['ClientRequestToken']}"
    earlier = context.store.get(TOKEN, token)
    if earlier:
        return {"PipelineExecutionArn": earlier["PipelineExecutionArn"]}
    definition = checked(pipeline["PipelineDefinition"])
    try:
        values = bind(definition.parameters, request.get("PipelineParameters", []))
    except DefinitionError as error:
        raise invalid(str(error)) from error
    selection = _selection(context, definition, pipeline, request)
    execution_id = "".join(random.choices(_ALPHABET, k=12))
    arn = f"{pipeline['PipelineArn']}/execution/{execution_id}"
    now = time.time()
    record = {
        "PipelineArn": pipeline["PipelineArn"],
        "PipelineName": pipeline["PipelineName"],
        "PipelineVersionId": pipeline["Version"],
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": request.get(
            "PipelineExecutionDisplayName", f"execution-{int(now * 1000)}"
        ),
        "PipelineExecutionDescription": request.get("PipelineExecutionDescription"),
        "PipelineExecutionStatus": "Executing",
        "PipelineExperimentConfig": _experiment(definition, pipeline["PipelineName"], execution_id),
        "Parameters": values,
        "CreationTime": now,
        "LastModifiedTime": now,
        "ParallelismConfiguration": request.get(
            "ParallelismConfiguration", pipeline.get("ParallelismConfiguration")
        ),
        "SelectiveExecutionConfig": request.get("SelectiveExecutionConfig"),
        "RoleArn": request.get("RoleArn", pipeline["RoleArn"]),
    }
    with context.store.transaction():
        if earlier := context.store.get(TOKEN, token):  # the same request, meanwhile
            return {"PipelineExecutionArn": earlier["PipelineExecutionArn"]}
        record["DefinitionName"] = keep_definition(context.store, pipeline)
        context.store.put(EXECUTION, arn, record)
        context.store.put(TOKEN, token, {"PipelineExecutionArn": arn})
        context.store.update(PIPELINE, pipeline["PipelineName"], LastRunTime=now)
        if selection:
            _reuse(context, definition, arn, selection, request["SelectiveExecutionConfig"])
    execution_changed(context, record, "Executing")
    context.executions.drive(arn)
    return {"PipelineExecutionArn": arn}


def _experiment(definition: Definition, name: str, execution_id: str) -> dict[str, str] | None:
    if not definition.experiment:
        return None
    known = {"Execution.PipelineName": name, "Execution.PipelineExecutionId": execution_id}
    return {
        key: known.get(str(value.get("Get")), execution_id) if isinstance(value, dict) else value
        for key, value in definition.experiment.items()
        if key in ("ExperimentName", "TrialName")
    }


def _selection(
    context: Context, definition: Definition, pipeline: dict[str, Any], request: dict[str, Any]
) -> Selection | None:
    config = request.get("SelectiveExecutionConfig")
    if not config:
        return None
    source = config.get("SourcePipelineExecutionArn")
    succeeded: set[str] = set()
    if source:
        execution = _execution(context, source)
        if execution["PipelineArn"] != pipeline["PipelineArn"]:
            raise invalid(
                f"SourcePipelineExecutionArn {source} is an execution of another pipeline."
            )
        if execution["PipelineExecutionStatus"] not in ("Succeeded", "Failed"):
            raise invalid(
                f"SourcePipelineExecutionArn {source} is "
                f"{execution['PipelineExecutionStatus']}; it must be Succeeded or Failed."
            )
        records = step_records(context.store, source)
        succeeded = {n for n, step in records.items() if step["StepStatus"] == "Succeeded"}
    names = [entry["StepName"] for entry in config["SelectedSteps"]]
    try:
        return select(definition, parents(definition), names, source, succeeded)
    except DefinitionError as error:
        raise invalid(str(error)) from error


def _reuse(
    context: Context,
    definition: Definition,
    arn: str,
    selection: Selection,
    config: dict[str, Any],
) -> None:
    """Write the records of the steps that do not run: reused from the source, or left out."""
    source = config.get("SourcePipelineExecutionArn")
    earlier = step_records(context.store, source) if source else {}
    for name in definition.steps:
        if name in selection.run:
            continue
        record: dict[str, Any] = {"StepName": name, "StepStatus": SKIPPED}
        if name in selection.reuse:
            record = {
                **earlier[name],
                "SelectiveExecutionResult": {"SourcePipelineExecutionArn": source},
            }
        context.store.put(STEP, f"{arn}/step/{name}", record)


@operation("DescribePipelineExecution")
def describe_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """An execution's status and settings."""
    return _execution(context, request["PipelineExecutionArn"])


@operation("UpdatePipelineExecution")
def update_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Change an execution's name, description or parallelism."""
    arn = _execution(context, request.pop("PipelineExecutionArn"))["PipelineExecutionArn"]
    context.store.update(EXECUTION, arn, **request, LastModifiedTime=time.time())
    return {"PipelineExecutionArn": arn}


@operation("ListPipelineExecutions")
def list_pipeline_executions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A pipeline's executions, latest first unless asked otherwise."""
    pipeline = pipeline_of(context, request)
    executions = [
        {
            **execution,
            "StartTime": execution["CreationTime"],
            "PipelineExecutionFailureReason": execution.get("FailureReason"),
        }
        for execution in context.store.list(EXECUTION, f"{pipeline['PipelineArn']}/execution/")
    ]
    return page(request, executions, "PipelineExecutionSummaries", name="PipelineName")


@operation("ListPipelineExecutionSteps")
def list_pipeline_execution_steps(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The steps that have begun, latest first unless asked otherwise."""
    arn = request.get("PipelineExecutionArn", "")
    _execution(context, arn)
    steps = [shown(step) for step in step_records(context.store, arn).values() if is_listed(step)]
    return page(
        request,
        steps,
        "PipelineExecutionSteps",
        name="StepName",
        sort={"CreationTime": "StartTime"},
    )


@operation("ListPipelineParametersForExecution")
def list_pipeline_parameters(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The value of every parameter in an execution, defaults included."""
    execution = _execution(context, request["PipelineExecutionArn"])
    parameters = [
        {"Name": name, "Value": value if isinstance(value, str) else json.dumps(value)}
        for name, value in execution["Parameters"].items()
    ]
    return page(request, parameters, "PipelineParameters", name="Name", default_order="Ascending")


@operation("DescribePipelineDefinitionForExecution")
def describe_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The definition as it was when the execution began."""
    execution = _execution(context, request["PipelineExecutionArn"])
    return {**execution, "PipelineDefinition": definition_of(context.store, execution)}


@operation("StopPipelineExecution")
def stop_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Stop an execution: what runs is stopped, nothing more starts."""
    arn = request["PipelineExecutionArn"]
    with context.store.transaction():
        execution = _execution(context, arn)
        status = execution["PipelineExecutionStatus"]
        if status == "Stopping":
            return {"PipelineExecutionArn": arn}
        if status != "Executing":
            raise ApiError(
                "ConflictException",
                f"Only an execution that runs can be stopped; {arn} is {status}.",
            )
        record = context.store.update(
            EXECUTION, arn, PipelineExecutionStatus="Stopping", LastModifiedTime=time.time()
        )
    execution_changed(context, record, "Executing")
    context.executions.stop_execution(arn)
    return {"PipelineExecutionArn": arn}


@operation("RetryPipelineExecution")
def retry_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Run a failed or stopped execution again from where it ended; what succeeded is kept."""
    arn = request["PipelineExecutionArn"]
    token = f"retry/{arn}/{request['ClientRequestToken']}"
    with context.store.transaction():
        execution = _execution(context, arn)
        if context.store.get(TOKEN, token):
            return {"PipelineExecutionArn": arn}
        status = execution["PipelineExecutionStatus"]
        if status not in ("Failed", "Stopped"):
            raise ApiError(
                "ConflictException",
                f"Only a Failed or Stopped execution can be retried; {arn} is {status}.",
            )
        chosen = {
            entry["StepName"]
            for entry in (execution.get("SelectiveExecutionConfig") or {}).get("SelectedSteps", [])
        }
        for name, step in step_records(context.store, arn).items():
            left_out = chosen and name not in chosen
            if step["StepStatus"] != "Succeeded" and not left_out:
                context.store.delete(STEP, f"{arn}/step/{name}")
        changes: dict[str, Any] = {"PipelineExecutionStatus": "Executing", "FailureReason": None}
        if "ParallelismConfiguration" in request:
            changes["ParallelismConfiguration"] = request["ParallelismConfiguration"]
        record = context.store.update(EXECUTION, arn, **changes, LastModifiedTime=time.time())
        context.store.put(TOKEN, token, {"PipelineExecutionArn": arn})
    execution_changed(context, record, status)
    context.executions.drive(arn)
    return {"PipelineExecutionArn": arn}


def _execution(context: Context, arn: str) -> dict[str, Any]:
    execution = context.store.get(EXECUTION, arn)
    if execution is None:
        raise not_found(f"Pipeline execution with ARN {arn} does not exist.")
    return execution
