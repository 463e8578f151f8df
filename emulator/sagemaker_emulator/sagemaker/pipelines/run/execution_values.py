"""The values that an execution has from its start: its variables, and what tracks its jobs.

Sources: "Execution variables" and "Amazon SageMaker Experiments Integration" in the developer guide
(the default names of experiment and trial); Pipeline.start of the SageMaker SDK (a
MlflowExperimentName is in place of the definition's for one execution). AWS does not document how a
job learns its MLflow experiment; here it is by MLflow's own environment variables.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import Scope, evaluate, to_text
from sagemaker_emulator.sagemaker.pipelines.run.records import format_time

if TYPE_CHECKING:
    from sagemaker_emulator.aws.context import Context
    from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition


def execution_variables(execution: Mapping[str, Any], job_name: str = "") -> dict[str, str]:
    """Return the values of EXECUTION_VARIABLES.

    Args:
        execution: the execution's record.
        job_name: the name of the job whose request is evaluated.
    """
    arn = execution["PipelineExecutionArn"]
    return {
        "PipelineName": execution["PipelineName"],
        "PipelineArn": execution["PipelineArn"],
        "PipelineExecutionId": arn.rsplit("/", 1)[-1],
        "PipelineExecutionArn": arn,
        "StartDateTime": format_time(execution["CreationTime"]),
        "CurrentDateTime": format_time(time.time()),
        "TrainingJobName": job_name,
        "ProcessingJobName": job_name,
    }


def experiment_config(
    definition: Definition, execution: Mapping[str, Any]
) -> dict[str, str] | None:
    """Return the execution's PipelineExperimentConfig, evaluated; None if the definition has none.

    A name that it leaves out is the pipeline's, or the execution's id.
    """
    if not definition.experiment:
        return None
    names = _evaluated(definition.experiment, execution)
    variables = execution_variables(execution)
    return {
        "ExperimentName": names.get("ExperimentName") or variables["PipelineName"],
        "TrialName": names.get("TrialName") or variables["PipelineExecutionId"],
    }


def mlflow_config(
    definition: Definition, execution: Mapping[str, Any], experiment: str | None
) -> dict[str, str] | None:
    """Return the execution's MLflowConfig; None if neither definition nor request has one.

    Args:
        definition: its MlflowConfig is evaluated.
        execution: the execution's record.
        experiment: the request's MlflowExperimentName, which goes before the definition's.
    """
    names = _evaluated(definition.document.get("MlflowConfig") or {}, execution)
    if experiment is not None:
        names["MlflowExperimentName"] = experiment
    if not names:
        return None
    return {"MlflowExperimentName": execution["PipelineName"], **names}


def tracked(
    context: Context, step_type: str, request: dict[str, Any], config: Mapping[str, str] | None
) -> dict[str, Any]:
    """Return a step's Create request with the MLflow variables of its jobs.

    What the step's own Environment sets stays.

    Args:
        context: the server.
        step_type: the step's Type.
        request: the request without them.
        config: the execution's MLflowConfig.
    """
    if not config:
        return request
    variables = {"MLFLOW_EXPERIMENT_NAME": config["MlflowExperimentName"]}
    if context.containers.sandbox.shares_files:  # the store of tracking is a file
        variables["MLFLOW_TRACKING_URI"] = context.tracking_uri

    def with_variables(part: dict[str, Any]) -> dict[str, Any]:
        return {**part, "Environment": {**variables, **part.get("Environment", {})}}

    if step_type in ("Processing", "Training"):
        return with_variables(request)
    changed = dict(request)
    if step_type == "Tuning":
        if "TrainingJobDefinition" in request:
            changed["TrainingJobDefinition"] = with_variables(request["TrainingJobDefinition"])
        if "TrainingJobDefinitions" in request:
            several = request["TrainingJobDefinitions"]
            changed["TrainingJobDefinitions"] = [with_variables(part) for part in several]
    return changed


def _evaluated(names: Mapping[str, Any], execution: Mapping[str, Any]) -> dict[str, str]:
    def read_json(uri: str) -> Any:
        raise StepError(f"{uri} cannot be read before the execution has begun.")

    scope = Scope(execution["Parameters"], execution_variables(execution), {}, {}, read_json)
    try:
        values = {key: evaluate(value, scope) for key, value in names.items()}
    except StepError as error:
        raise invalid(str(error)) from error
    return {key: to_text(value) for key, value in values.items() if value not in (None, "")}
