"""The pipeline's parameters, declared once: what a person may vary from one start to the next.

The definition declares them to SageMaker; the command line parses `-p NAME=VALUE` against them.
Neither needs the SageMaker SDK.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipelines import NAME
from pipelines.errors import UserError, closest
from pipelines.root import ROOT
from pipelines.settings.model import ENDPOINT_NAME, NONE, Settings
from pipelines.upload.bin_images import destination

Value = str | int | float
Type = Literal["String", "Integer", "Float"]
MOST = 2**31 - 1  # what the tuner takes as a seed has 32 bits
MOST_CLASSES = 100
# What an argument of a processing job and a version's CustomerMetadataProperties may be, where an
# address goes: the one refuses a long text when the job starts, the other a * when all is trained.
LONGEST = 256
PLAIN = f"at most {LONGEST} letters, digits, spaces and _.:/=+-@"


class ParameterError(UserError):
    """A `-p NAME=VALUE` names no parameter, or its value is not allowed."""


@dataclass(frozen=True)
class Parameter:
    """One pipeline parameter.

    Attributes:
        name: As SageMaker shows it.
        type: SageMaker's name of the type.
        default: What holds when a start does not give it.
        help: One line for the person who wonders.
        allowed: The allowed values or range in words, "" when every value of the type is.
        check: Answers whether a value of the right type is allowed.
        place: It is an S3 address, and the command line also takes a local folder or file.
    """

    name: str
    type: Type
    default: Value
    help: str
    allowed: str = ""
    check: Callable[[Value], bool] = lambda value: True
    place: bool = False

    def parse(self, text: str) -> Value:
        """The value that `text` stands for.

        Raises:
            ParameterError: It is not of this parameter's type, or not allowed.
        """
        value: Value = text
        try:
            if self.type == "Integer":
                value = int(text)
            elif self.type == "Float":
                value = float(text)
                if not math.isfinite(value):
                    raise ValueError
        except ValueError:
            raise self._refusal(text) from None
        if not self.check(value):
            raise self._refusal(text)
        return value

    def _refusal(self, text: str) -> ParameterError:
        kind = {"String": "text", "Integer": "a whole number", "Float": "a number"}[self.type]
        allowed = f"{kind}, {self.allowed}" if self.allowed else kind
        return ParameterError(
            f"Parameter {self.name} cannot be {text!r}. Allowed: {allowed}. "
            f"({self.help} Default: {self.default!r}.)"
        )


def declared(settings: Settings) -> list[Parameter]:
    """Every parameter of the pipeline, in the order in which it is shown.

    Args:
        settings: Resolved settings; the defaults are theirs.
    """
    data, tuning, quality = settings.data, settings.tuning, settings.quality
    return [
        Parameter(
            "DataSource",
            "String",
            _address(settings, data.source),
            "Bin images laid out like ABID: bin-images/ and metadata/.",
            f"an s3:// prefix of {PLAIN}, or a local folder",
            _is_place,
            place=True,
        ),
        Parameter(
            "FileList",
            "String",
            _address(settings, data.file_list) or NONE,
            "A file_list.json that names the images of each class; none: a balanced subset.",
            f"an s3:// address of {PLAIN}, a local file, or none",
            _is_place,
            place=True,
        ),
        Parameter(
            "DataVersion",
            "String",
            NONE,
            "What the images were; set for local ones. Another value has Prepare read them again.",
            "letters, digits, dots, hyphens and underscores, such as 2026-11",
            lambda value: bool(re.fullmatch(r"[A-Za-z0-9_.-]+", str(value))),
        ),
        _at_least("SubsetSize", data.subset_size, "Images in all; 0: every image.", 0),
        Parameter(
            "Classes",
            "String",
            data.classes,
            "The item counts that are learnt.",
            f"FIRST-LAST, such as 1-5 or 0-5, of at most {MOST_CLASSES} counts",
            _is_classes,
        ),
        Parameter(
            "Split",
            "String",
            data.split,
            "Shares of train, validation and test.",
            "three positive numbers, such as 8:1:1",
            _is_split,
        ),
        _at_least("Seed", data.seed, "Of the choice of images, the split and the training.", 0),
        Parameter(
            "Backbone",
            "String",
            settings.training.backbone,
            "The pretrained network: resnet50, efficientnet_lite0, or another name timm knows.",
            "a name of letters, digits, dots and underscores",
            lambda value: bool(re.fullmatch(r"[A-Za-z0-9_.]+", str(value))),
        ),
        Parameter(
            "ImageSize",
            "Integer",
            settings.training.image_size,
            "Pixels of the square that the network sees.",
            "from 32 to 1024",
            lambda value: 32 <= float(value) <= 1024,
        ),
        _above_zero("LearningRateMin", tuning.learning_rate.min, "The lowest rate searched."),
        _above_zero("LearningRateMax", tuning.learning_rate.max, "The highest rate searched."),
        _at_least("EpochsMin", tuning.epochs.min, "The fewest epochs searched.", 1),
        _at_least("EpochsMax", tuning.epochs.max, "The most epochs searched.", 1),
        _at_least("MaxTrials", tuning.max_trials, "Training jobs that the tuner may run.", 1),
        _at_least("MaxParallelTrials", tuning.max_parallel_trials, "Of these, at once.", 1),
        Parameter(
            "AccuracyThreshold",
            "Float",
            quality.accuracy_threshold,
            "Test accuracy below which a model is not registered.",
            "from 0 to 1",
            lambda value: 0 <= float(value) <= 1,
        ),
        Parameter(
            "ModelApprovalStatus",
            "String",
            quality.approval_status,
            "With what status a model version enters the registry.",
            "one of " + ", ".join(settings.registrable),
            lambda value: value in settings.registrable,
        ),
        _instance("ProcessingInstanceType", settings.instances.processing, "Prepare"),
        _instance("TrainingInstanceType", settings.instances.training, "Tune and Train"),
        _instance("EvaluationInstanceType", settings.instances.evaluation, "Evaluate"),
        _instance("InferenceInstanceType", settings.instances.inference, "the endpoint"),
        Parameter(
            "EndpointName",
            "String",
            settings.endpoint,
            "The endpoint that an approved model is promoted to.",
            f"{NAME} or {NAME}-..., up to 63 letters, digits and hyphens",
            lambda value: bool(re.fullmatch(ENDPOINT_NAME, str(value))) and len(str(value)) <= 63,
        ),
        Parameter(
            "ApprovedModel",
            "String",
            no_model(settings),
            "model.tar.gz of the model now approved, which the new one must not be worse than.",
            "an s3:// address",
            lambda value: bool(re.fullmatch(r"s3://[^/]+/.+", str(value))),
        ),
    ]


def no_model(settings: Settings) -> str:
    """The address that stands for "no model is approved yet"; `setup` puts a README there."""
    return f"s3://{settings.bucket_name}/{NAME}/no-model/"


def parse(settings: Settings, given: Iterable[str]) -> dict[str, Value]:
    """The values of `-p NAME=VALUE` arguments, each of its parameter's type.

    Args:
        settings: Resolved settings.
        given: The texts `NAME=VALUE`; of a name given twice the last holds.

    Raises:
        ParameterError: A text is not NAME=VALUE, a name is unknown, a value or a default is not
            allowed, or two values contradict each other.
    """
    parameters = {parameter.name: parameter for parameter in declared(settings)}
    check_defaults(settings)
    values: dict[str, Value] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(f"-p takes NAME=VALUE, such as -p MaxTrials=4, not {text!r}.")
        if name not in parameters:
            listed = "\n".join(f"  {line}" for line in table(settings))
            raise ParameterError(
                f"The pipeline has no parameter {name!r}{closest(name, parameters)}\n"
                f"Its parameters and their defaults:\n{listed}"
            )
        values[name] = parameters[name].parse(value)
    _check_together(settings, {name: p.default for name, p in parameters.items()} | values)
    return values


def check_defaults(settings: Settings) -> None:
    """Do nothing when every default, which is a value of the settings, is allowed.

    Raises:
        ParameterError: One is not.
    """
    for parameter in declared(settings):
        if not parameter.check(parameter.default):
            raise ParameterError(
                f"The settings make {parameter.default!r} the default of parameter "
                f"{parameter.name}. Allowed: {parameter.allowed}. ({parameter.help})"
            )


def table(settings: Settings) -> list[str]:
    """One line for each parameter: name, default, what it is."""
    parameters = declared(settings)
    width = max(len(parameter.name) for parameter in parameters)
    return [f"{p.name:<{width}}  {p.default!r}: {p.help}" for p in parameters]


def _check_together(settings: Settings, values: Mapping[str, Value]) -> None:
    for low, high in (("LearningRateMin", "LearningRateMax"), ("EpochsMin", "EpochsMax")):
        if float(values[low]) > float(values[high]):
            raise ParameterError(
                f"{low} ({values[low]}) is above {high} ({values[high]}); give both."
            )
        # The emulator takes it; SageMaker says it when Prepare has run, and in other words.
        if settings.target == "aws" and float(values[low]) == float(values[high]):
            raise ParameterError(
                f"{low} and {high} are both {values[high]}, and SageMaker's tuner searches no "
                "range of one value; give two that differ."
            )
    if float(values["MaxParallelTrials"]) > float(values["MaxTrials"]):
        raise ParameterError(
            f"MaxParallelTrials ({values['MaxParallelTrials']}) is above MaxTrials "
            f"({values['MaxTrials']}); give both."
        )


def _address(settings: Settings, place: str) -> str:
    """An s3:// address as it is; a local path as the address that `upload` puts it at."""
    if place == "" or place.startswith("s3://"):
        return place
    # A path in the settings is relative to the repository, wherever the person stands.
    return destination(settings, ROOT / place)


def _at_least(name: str, default: int, help_: str, least: int) -> Parameter:
    return Parameter(
        name,
        "Integer",
        default,
        help_,
        f"from {least} to {MOST}",
        lambda value: least <= float(value) <= MOST,
    )


def _above_zero(name: str, default: float, help_: str) -> Parameter:
    return Parameter(
        name, "Float", default, help_, "above 0 and at most 1", lambda v: 0 < float(v) <= 1
    )


def _instance(name: str, default: str, what: str) -> Parameter:
    return Parameter(
        name,
        "String",
        default,
        f"The SageMaker instance type of {what}.",
        "such as ml.m5.xlarge",
        lambda value: bool(re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9-]+", str(value))),
    )


def _is_place(value: Value) -> bool:
    text = str(value)
    if "://" not in text:
        return bool(text)
    return len(text) <= LONGEST and bool(re.fullmatch(r"s3://[^/]+(/[\w .:/=+@-]*)?", text))


def _is_classes(value: Value) -> bool:
    matched = re.fullmatch(r"(\d+)-(\d+)", str(value))
    return bool(matched) and 0 < int(matched[2]) - int(matched[1]) < MOST_CLASSES  # type: ignore[index]


def _is_split(value: Value) -> bool:
    parts = str(value).split(":")
    return len(parts) == 3 and all(re.fullmatch(r"\d+(\.\d+)?", p) and float(p) > 0 for p in parts)
