"""The members of a definition's objects: every object is closed, at every level.

Source: the JSON schema of pipeline definitions that AWS publishes (aws-sagemaker-mlops/
sagemaker-model-building-pipeline-definition-JSON-schema), with what the SageMaker SDK writes beside
it: EnumValues, PropertyFiles, PipelineExperimentConfig, `Not`, and `In` with QueryValue and Values.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError

DEFINITION = (
    "Version",
    "Metadata",
    "Parameters",
    "PipelineExperimentConfig",
    "MlflowConfig",
    "Steps",
)
EXPERIMENT = ("ExperimentName", "TrialName")
MLFLOW = ("MlflowResourceArn", "MlflowExperimentName")
PARAMETER = ("Name", "Type", "DefaultValue", "EnumValues", "Description")
CACHE = ("Enabled", "ExpireAfter")
RETRY_POLICY = (
    "ExceptionType",
    "IntervalSeconds",
    "BackoffRate",
    "MaxAttempts",
    "ExpireAfterMin",
)
PROPERTY_FILE = ("PropertyFileName", "OutputName", "FilePath")
OUTPUT = ("OutputName", "OutputType")
OUTPUT_TYPES = ("String", "Integer", "Boolean", "Float")
_STEP = ("Name", "Type", "Arguments", "DisplayName", "Description", "DependsOn")
_RETRIES = "RetryPolicies"
_CACHED = "CacheConfig"
# What a step may have beside those that all have, by its type.
_OF_TYPE = {
    "Processing": (_CACHED, _RETRIES, "PropertyFiles"),
    "Training": (_CACHED, _RETRIES),
    "Tuning": (_CACHED, _RETRIES),
    "Transform": (_CACHED, _RETRIES),
    "Model": (_RETRIES,),
    "RegisterModel": (_RETRIES,),
    "Lambda": (_CACHED, "FunctionArn", "OutputParameters"),
    "Callback": (_CACHED, "SqsQueueUrl", "OutputParameters"),
}


def of_step(type_: str) -> tuple[str, ...]:
    """The members that a step of this type may have."""
    return (*_STEP, *_OF_TYPE.get(type_, ()))


def check_members(entry: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    """Refuse members that an object does not have.

    Raises:
        DefinitionError: It has one; the message names it, `where`, and the nearest right name.
    """
    allowed = list(allowed)
    if unknown := sorted(entry.keys() - set(allowed)):
        raise DefinitionError(
            f"Unable to parse pipeline definition. Unknown member '{unknown[0]}' in {where}: "
            f"allowed are {', '.join(allowed)}.{nearest(unknown[0], allowed)}"
        )


def nearest(name: str, allowed: Iterable[str]) -> str:
    """` Did you mean 'NAME'?`, or an empty string where nothing is near."""
    by_lower = {each.lower(): each for each in allowed}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean '{by_lower[found[0]]}'?" if found else ""
