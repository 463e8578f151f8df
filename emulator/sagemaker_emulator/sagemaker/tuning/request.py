"""A tuning job's request, checked, and the request of each of its trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.sagemaker.jobs import built_in_metrics, training_container
from sagemaker_emulator.sagemaker.tuning.search import (
    STRATEGIES,
    RangeError,
    grid_size,
    parse_ranges,
)
from sagemaker_emulator.storage.store import Document

HONOURED = f"""
    HyperParameterTuningJobName Tags TrainingJobDefinitions WarmStartConfig Autotune
    HyperParameterTuningJobConfig{{
        Strategy HyperParameterTuningJobObjective ResourceLimits ParameterRanges
        TrainingJobEarlyStoppingType TuningJobCompletionCriteria RandomSeed
    }}
    TrainingJobDefinition{{
        DefinitionName StaticHyperParameters RoleArn Environment EnableManagedSpotTraining
        CheckpointConfig AlgorithmSpecification{{TrainingImage TrainingInputMode MetricDefinitions}}
        HyperParameterTuningResourceConfig{{
            InstanceType InstanceCount VolumeSizeInGB InstanceConfigs
        }}
        {training_container.HONOURED_DATA}
    }}
"""
KEPT = f"""
    TrainingJobDefinition{{
        VpcConfig EnableNetworkIsolation EnableInterContainerTrafficEncryption RetryStrategy
        HyperParameterTuningResourceConfig{{VolumeKmsKeyId AllocationStrategy}}
        {training_container.KEPT_DATA}
    }}
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
    if "TrainingJobDefinition" not in request or "TrainingJobDefinitions" in request:
        return "TrainingJobDefinition is needed; TrainingJobDefinitions are not supported."
    if config["Strategy"] not in STRATEGIES:
        return (
            f"Strategy {config['Strategy']} is not supported by the emulator; "
            f"{', '.join(STRATEGIES)} are."
        )
    for key in ("WarmStartConfig", "Autotune"):
        if key in request:
            return f"{key} is not supported by the emulator."
    criteria = config.get("TuningJobCompletionCriteria", {})
    if criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled":
        return "TuningJobCompletionCriteria.ConvergenceDetected is not supported by the emulator."
    if "HyperParameterTuningJobObjective" not in config:
        return "HyperParameterTuningJobConfig.HyperParameterTuningJobObjective is missing."
    metric = config["HyperParameterTuningJobObjective"]["MetricName"]
    of_image = built_in_metrics.definitions(request["TrainingJobDefinition"])
    defined = [entry["Name"] for entry in of_image]
    if metric not in defined:
        return (
            f"The objective metric {metric} has no regular expression: MetricDefinitions of "
            f"TrainingJobDefinition.AlgorithmSpecification define {', '.join(defined) or 'none'}."
        )
    try:
        ranges = parse_ranges(config.get("ParameterRanges", {}))
        size = grid_size(ranges) if config["Strategy"] == "Grid" else None
    except RangeError as error:
        return str(error)
    static = request["TrainingJobDefinition"].get("StaticHyperParameters", {})
    both = sorted(static.keys() & {item.name for item in ranges})
    if both:
        return f"{', '.join(both)} is in StaticHyperParameters and in ParameterRanges."
    most = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if size is None and most is None:
        return "ResourceLimits.MaxNumberOfTrainingJobs is missing."
    if size is not None and most not in (None, size):
        return f"Grid has {size} combinations: MaxNumberOfTrainingJobs must be {size} or left out."
    # What no trial could be, before the first is tried.
    why = training_container.problem(
        trial_request(request["TrainingJobDefinition"], "", {}, metric)
    )
    return f"TrainingJobDefinition: {why}" if why else ""


def trial_request(
    definition: Mapping[str, Any], name: str, tuned: Mapping[str, str], metric: str
) -> Document:
    """The CreateTrainingJob request of a trial.

    Args:
        definition: the tuning job's TrainingJobDefinition.
        name: the trial's name.
        tuned: the hyperparameters that the search proposes.
        metric: the objective's name.
    """
    request = {key: definition[key] for key in _COPIED if key in definition}
    request["TrainingJobName"] = name
    # The service passes the objective to the algorithm under this name.
    request["HyperParameters"] = {
        **definition.get("StaticHyperParameters", {}),
        **tuned,
        "_tuning_objective_metric": metric,
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
