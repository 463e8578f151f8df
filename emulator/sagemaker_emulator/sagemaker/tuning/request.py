"""A tuning job's request, checked, and the request of each of its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker_emulator.sagemaker.jobs import built_in_metrics, training_container
from sagemaker_emulator.sagemaker.tuning.definitions import Definition, definitions_of
from sagemaker_emulator.sagemaker.tuning.search import (
    STRATEGIES,
    RangeError,
    grid_size,
    parse_ranges,
)
from sagemaker_emulator.storage.store import Document

_DEFINITION = f"""
    DefinitionName StaticHyperParameters RoleArn Environment EnableManagedSpotTraining
    CheckpointConfig AlgorithmSpecification{{TrainingImage TrainingInputMode MetricDefinitions}}
    HyperParameterTuningResourceConfig{{
        InstanceType InstanceCount VolumeSizeInGB InstanceConfigs
    }}
    {training_container.HONOURED_DATA}
"""
_KEPT_OF_DEFINITION = f"""
    VpcConfig EnableNetworkIsolation EnableInterContainerTrafficEncryption RetryStrategy
    HyperParameterTuningResourceConfig{{VolumeKmsKeyId AllocationStrategy}}
    {training_container.KEPT_DATA}
"""
HONOURED = f"""
    HyperParameterTuningJobName Tags WarmStartConfig Autotune
    HyperParameterTuningJobConfig{{
        Strategy HyperParameterTuningJobObjective ResourceLimits ParameterRanges
        TrainingJobEarlyStoppingType TuningJobCompletionCriteria RandomSeed
    }}
    TrainingJobDefinition{{{_DEFINITION}}}
    TrainingJobDefinitions{{TuningObjective HyperParameterRanges {_DEFINITION}}}
"""
KEPT = f"""
    TrainingJobDefinition{{{_KEPT_OF_DEFINITION}}}
    TrainingJobDefinitions{{{_KEPT_OF_DEFINITION}}}
"""
# Members of TrainingJobDefinition that CreateTrainingJob takes as they are.
_COPIED = (
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "RetryStrategy",
    "Environment",
    "AlgorithmSpecification",
)


def problem(request: Mapping[str, Any]) -> str:
    """Why a CreateHyperParameterTuningJob request cannot be run here, or an empty string."""
    config = request["HyperParameterTuningJobConfig"]
    if ("TrainingJobDefinition" in request) == ("TrainingJobDefinitions" in request):
        return "Give either TrainingJobDefinition or TrainingJobDefinitions."
    if config["Strategy"] not in STRATEGIES:
        return (
            f"Strategy {config['Strategy']} is not supported by the emulator; "
            f"{', '.join(STRATEGIES)} are."
        )
    if "Autotune" in request:
        return "Autotune is not supported by the emulator."
    criteria = config.get("TuningJobCompletionCriteria", {})
    if criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled":
        return "TuningJobCompletionCriteria.ConvergenceDetected is not supported by the emulator."
    definitions = definitions_of(request)
    why = _places_problem(config, definitions)
    for definition in definitions:
        why = why or _definition_problem(definition)
    if why:
        return why
    most = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if config["Strategy"] != "Grid":
        missing = "ResourceLimits.MaxNumberOfTrainingJobs is missing."
        return missing if most is None else ""
    try:
        size = sum(grid_size(parse_ranges(definition.ranges)) for definition in definitions)
    except RangeError as error:
        return str(error)
    if most not in (None, size):
        return f"Grid has {size} combinations: MaxNumberOfTrainingJobs must be {size} or left out."
    return ""


def _places_problem(config: Mapping[str, Any], definitions: Sequence[Definition]) -> str:
    """What is missing, or where it does not belong, in the places of objectives and ranges."""
    if definitions[0].path == "TrainingJobDefinition":
        if not definitions[0].objective:
            return "HyperParameterTuningJobConfig.HyperParameterTuningJobObjective is missing."
        return ""
    for key, instead in (
        ("HyperParameterTuningJobObjective", "TuningObjective"),
        ("ParameterRanges", "HyperParameterRanges"),
    ):
        if key in config:
            return (
                f"HyperParameterTuningJobConfig.{key} goes with TrainingJobDefinition; each of "
                f"TrainingJobDefinitions has its {instead}."
            )
    for each in definitions:
        for key in ("DefinitionName", "TuningObjective", "HyperParameterRanges"):
            if key not in each.request:
                return f"{each.path}.{key} is missing."
    names = [each.name for each in definitions]
    for name in names:
        if names.count(name) > 1:
            return f"TrainingJobDefinitions have the DefinitionName {name} twice."
    if len({each.maximize for each in definitions}) > 1:
        return (
            "The emulator does not compare objectives that are maximized with some that are "
            "minimized: give each TuningObjective the same Type."
        )
    return ""


def _definition_problem(definition: Definition) -> str:
    metric = definition.metric
    defined = [entry["Name"] for entry in built_in_metrics.definitions(definition.request)]
    if metric not in defined:
        return (
            f"The objective metric {metric} has no regular expression: MetricDefinitions of "
            f"{definition.path}.AlgorithmSpecification define {', '.join(defined) or 'none'}."
        )
    try:
        ranges = parse_ranges(definition.ranges)
    except RangeError as error:
        return str(error)
    static = definition.request.get("StaticHyperParameters", {})
    both = sorted(static.keys() & {item.name for item in ranges})
    if both:
        return f"{', '.join(both)} is in StaticHyperParameters and in ParameterRanges."
    # What no trial could be, before the first is tried.
    why = training_container.problem(trial_request(definition, "", {}))
    return f"{definition.path}: {why}" if why else ""


def trial_request(of: Definition, name: str, tuned: Mapping[str, str]) -> Document:
    """The CreateTrainingJob request of a trial.

    Args:
        of: the definition that it is made from.
        name: the trial's name.
        tuned: the hyperparameters that the search proposes.
    """
    definition = of.request
    request = {key: definition[key] for key in _COPIED if key in definition}
    request["TrainingJobName"] = name
    # The service passes the objective to the algorithm under this name.
    request["HyperParameters"] = {
        **definition.get("StaticHyperParameters", {}),
        **tuned,
        "_tuning_objective_metric": of.metric,
    }
    if "CheckpointConfig" in definition:
        checkpoints = definition["CheckpointConfig"]
        uri = f"{checkpoints['S3Uri'].rstrip('/')}/{name}"
        request["CheckpointConfig"] = {**checkpoints, "S3Uri": uri}
    resources = definition.get("HyperParameterTuningResourceConfig")
    if resources and "ResourceConfig" not in request:
        first = (resources.get("InstanceConfigs") or [resources])[0]
        keys = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
        request["ResourceConfig"] = {
            key: value for key, value in {**resources, **first}.items() if key in keys
        }
    return request
