"""The pipeline's parameters: the settings that may vary from one start to the next.

The definition declares them to SageMaker; the command line parses `-p NAME=VALUE` against them.
Neither needs the SageMaker SDK.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipelines import NAME
from pipelines.errors import UserError, closest
from pipelines.root import ROOT
from pipelines.settings import names
from pipelines.settings.fields import NONE, Allowed, Value, allowed
from pipelines.settings.layers import FIELDS
from pipelines.settings.model import Settings
from pipelines.upload.bin_images import destination

Type = Literal["String", "Integer", "Float"]
TYPES: dict[Any, Type] = {str: "String", int: "Integer", float: "Float"}
# Each of these parameters and the setting that describes it and holds its default.
SETTINGS = {
    "DataSource": "data.source",
    "FurtherSource": "data.further",
    "AuditSource": "data.audits",
    "FileList": "data.file_list",
    "SubsetSize": "data.subset_size",
    "Classes": "data.classes",
    "Split": "data.split",
    "Seed": "data.seed",
    "Backbone": "training.backbone",
    "ImageSize": "training.image_size",
    "LearningRateMin": "tuning.learning_rate.min",
    "LearningRateMax": "tuning.learning_rate.max",
    "EpochsMin": "tuning.epochs.min",
    "EpochsMax": "tuning.epochs.max",
    "MaxTrials": "tuning.max_trials",
    "MaxParallelTrials": "tuning.max_parallel_trials",
    "AccuracyThreshold": "quality.accuracy_threshold",
    "MinFoundShare": "quality.min_found_share",
    "MatchPrecision": "quality.match_precision",
    "RecordErrorRate": "quality.record_error_rate",
    "ModelApprovalStatus": "quality.approval_status",
    "ProcessingInstanceType": "instances.processing",
    "TrainingInstanceType": "instances.training",
    "EvaluationInstanceType": "instances.evaluation",
    "InferenceInstanceType": "instances.inference",
    "EndpointName": "endpoint",
}
VERSION_LABEL = (
    "letters, digits, dots, hyphens and underscores, such as 2026-11",
    re.compile(r"[A-Za-z0-9_.-]+").fullmatch,
)


class ParameterError(UserError):
    """A `-p NAME=VALUE` names no parameter, or its value is not allowed."""


@dataclass(frozen=True)
class Parameter:
    """One pipeline parameter.

    Attributes:
        name: As SageMaker shows it.
        type: SageMaker's name of the type.
        default: The value of a start that does not set it.
        help: One line that describes it.
        allowed: The allowed values in words.
        accepts: Returns whether a value of the right type is allowed.
        hint: Returns the end of the sentence about one that is not.
    """

    name: str
    type: Type
    default: Value
    help: str
    allowed: str
    accepts: Callable[[Any], object]
    hint: Callable[[Any], str] = lambda value: "."

    def parse(self, text: str) -> Value:
        """Convert the text of a command line to the parameter's type.

        Raises:
            ParameterError: The text is not of this parameter's type, or not allowed.
        """
        convert = next(kind for kind, name in TYPES.items() if name == self.type)
        try:
            value: Value = convert(text)
        except ValueError:
            value = ""
        # SageMaker accepts no empty text.
        if value == "" or not self.accepts(value):
            raise ParameterError(
                f"Parameter {self.name} cannot be {text!r}. Allowed: {self.allowed}"
                f"{self.hint(text)} "
                f"({self.help} Default: {self.default!r}.)"
            )
        return value


def declared(settings: Settings) -> list[Parameter]:
    """Every parameter of the pipeline, in the order of the definition.

    Args:
        settings: Resolved settings; they hold the defaults.
    """
    parameters = [_from_setting(settings, name, key) for name, key in SETTINGS.items()]
    data_version = Parameter(
        "DataVersion",
        "String",
        NONE,
        "Version label of the images; automatic for local folders. "
        "Another label makes Prepare read them again.",
        *VERSION_LABEL,
    )
    audit_version = Parameter(
        "AuditVersion",
        "String",
        NONE,
        "Version label of the audits; `start` sets it from the log's entries.",
        *VERSION_LABEL,
    )
    approved_model = Parameter(
        "ApprovedModel",
        "String",
        no_model(settings),
        "model.tar.gz of the approved model; the new model must not be worse.",
        "an s3:// address",
        re.compile(r"s3://[^/]+/.+").fullmatch,
    )
    return [*parameters[:4], data_version, audit_version, *parameters[4:], approved_model]


def declared_for_watching(settings: Settings) -> list[Parameter]:
    """Every parameter of the pipeline that watches the endpoint.

    Args:
        settings: Resolved settings; they hold the defaults.
    """
    return [
        _from_setting(settings, name, key)
        for name, key in (
            ("EndpointName", "endpoint"),
            ("WindowDays", "watch.window_days"),
            ("FalseAlarms", "watch.false_alarms"),
            ("ProcessingInstanceType", "instances.processing"),
        )
    ]


def _from_setting(settings: Settings, name: str, key: str) -> Parameter:
    field = FIELDS[key]
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    if key in ("data.source", "data.further", "data.audits", "data.file_list"):
        value = _address(settings, value) or NONE
    limit = allowed(field)
    if key == "quality.approval_status":
        statuses = settings.initial_statuses
        limit = Allowed("one of " + ", ".join(statuses), statuses.__contains__)
    type_ = TYPES.get(field.annotation, "String")
    if key == "endpoint":
        limit = Allowed(
            names.endpoints(settings.stage),
            lambda text: allowed(field).check(text) and names.belongs(settings.stage, text),
        )
    words = field.description or ""
    return Parameter(name, type_, value, words, limit.words, limit.check, limit.hint)


def no_model(settings: Settings) -> str:
    """The address that stands for "no model is approved yet"; `setup` puts a README there."""
    return f"s3://{settings.bucket_name}/{NAME}/no-model/"


def parse(settings: Settings, arguments: Iterable[str]) -> dict[str, Value]:
    """Parse `-p NAME=VALUE` arguments, each to its parameter's type.

    Args:
        settings: Resolved settings.
        arguments: The texts `NAME=VALUE`; the last of several with the same name holds.

    Raises:
        ParameterError: A text is not NAME=VALUE, a name is unknown, a value is not allowed, or two
            values contradict each other.
    """
    parameters = {parameter.name: parameter for parameter in declared(settings)}
    values: dict[str, Value] = {}
    for text in arguments:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(f"-p takes NAME=VALUE, such as -p MaxTrials=4, not {text!r}.")
        if name not in parameters:
            raise ParameterError(
                f"The pipeline has no parameter {name!r}{closest(name, parameters)}\n"
                "Its parameters and their defaults:\n"
                + "\n".join(f"  {p.name:<22}  {p.default!r}: {p.help}" for p in parameters.values())
            )
        values[name] = parameters[name].parse(value)
    _check_together(settings, {name: p.default for name, p in parameters.items()} | values)
    return values


def _check_together(settings: Settings, values: Mapping[str, Value]) -> None:
    for low, high in (("LearningRateMin", "LearningRateMax"), ("EpochsMin", "EpochsMax")):
        if float(values[low]) > float(values[high]):
            raise ParameterError(
                f"{low} ({values[low]}) is above {high} ({values[high]}); set both."
            )
        # The emulator accepts this; SageMaker refuses it after Prepare, with a less clear message.
        if settings.target == "aws" and float(values[low]) == float(values[high]):
            raise ParameterError(
                f"{low} and {high} are both {values[high]}, and SageMaker's tuner searches no "
                "range of one value; set two different values."
            )
    if float(values["MaxParallelTrials"]) > float(values["MaxTrials"]):
        raise ParameterError(
            f"MaxParallelTrials ({values['MaxParallelTrials']}) is above MaxTrials "
            f"({values['MaxTrials']}); set both."
        )


def _address(settings: Settings, path: str) -> str:
    """The s3:// address of a data source: its own, or the one that a local path is uploaded to."""
    if path in ("", NONE) or path.startswith("s3://"):
        return path
    # A path in the settings is relative to the repository, whatever the current directory.
    return destination(settings, ROOT / path)
