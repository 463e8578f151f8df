"""The types of settings, each with its allowed values in words for tables and error messages."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from pipelines import NAME
from pipelines.settings import backbones
from pipelines.steps import counts

Value = str | int | float  # what a pipeline parameter may be
# SageMaker accepts no empty text, neither as a pipeline parameter nor as an argument of a job.
NONE = "none"
MAX_INTEGER = 2**31 - 1  # the tuner's seed has 32 bits
ALARMS = ("errors", "latency", "self-test")
# A job's argument may have 256 characters, and a version's CustomerMetadataProperties take no `*`,
# which SageMaker would refuse only after all of the training.
MAX_ADDRESS = 256
ADDRESS = f"of at most {MAX_ADDRESS} letters, digits, spaces and _.:/=+-@"


@dataclass(frozen=True)
class Allowed:
    """A constraint on a value.

    Attributes:
        words: The allowed values in words.
        check: Returns whether a value of the right type is allowed.
        hint: Returns the end of the sentence about a value that is not, such as `; did you mean X?`
    """

    words: str
    check: Callable[[Any], object]
    hint: Callable[[Any], str] = lambda value: "."

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def _validate(self, value: Any) -> Any:
        if value is not None and not self.check(value):
            raise PydanticCustomError("not_allowed", "not allowed")
        return value


def _matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _is_source(text: str) -> object:
    if "://" not in text:
        return text
    return len(text) <= MAX_ADDRESS and re.fullmatch(r"s3://[^/]+(/[\w .:/=+@-]*)?", text)


def _is_classes(text: str) -> object:
    try:
        return counts.Classes.parse(text)
    except ValueError:
        return None


def _is_split(text: str) -> object:
    parts = text.split(":")
    return len(parts) == 3 and all(re.fullmatch(r"\d+(\.\d+)?", p) and float(p) > 0 for p in parts)


def _off(value: object) -> object:
    """YAML reads the word off as false."""
    return "off" if value is False else value


def _none(value: object) -> object:
    """False is what no weights are called in YAML, and in the hyperparameters of a training."""
    return NONE if value is False or value in ("false", "False") else value


def _tuple(value: object) -> object:
    """YAML has lists only."""
    return tuple(value) if isinstance(value, list) else value


def _list_of(what: str, most: int, pattern: str) -> Allowed:
    """A list of texts that all match a pattern.

    Args:
        what: What they are, in words.
        most: How many there may be at most.
        pattern: What each looks like.
    """
    return Allowed(
        f"a list of at most {most} {what}; [] for none",
        lambda texts: len(texts) <= most and all(map(_matches(pattern), texts)),
    )


Weights = Annotated[
    str,
    BeforeValidator(_none),
    Allowed("a folder, an s3:// prefix, none, or empty", lambda text: True),
]
Count = Annotated[
    int, Allowed(f"a whole number from 1 to {MAX_INTEGER}", lambda n: 1 <= n <= MAX_INTEGER)
]
CountOrZero = Annotated[
    int, Allowed(f"a whole number from 0 to {MAX_INTEGER}", lambda n: 0 <= n <= MAX_INTEGER)
]
Instances = Annotated[int, Allowed("a whole number from 1 to 100", lambda n: 1 <= n <= 100)]
InstancesOrNone = Annotated[int, Allowed("a whole number from 0 to 100", lambda n: 0 <= n <= 100)]
# SageMaker's limits of a canary or a step, in percent, and of a wait, in seconds.
StepPercent = Annotated[int, Allowed("a whole number from 1 to 50", lambda n: 1 <= n <= 50)]
BakeSeconds = Annotated[int, Allowed("a whole number from 0 to 3600", lambda n: 0 <= n <= 3600)]
Email = Annotated[
    str, Allowed("an e-mail address, or empty", _matches(r"([^@\s]+@[^@\s]+\.[^@\s]+)?"))
]
Percent = Annotated[int, Allowed("a whole number from 0 to 100", lambda n: 0 <= n <= 100)]
ShadowPercent = Annotated[int, Allowed("a whole number from 1 to 100", lambda n: 1 <= n <= 100)]
# SageMaker's sizes of a serverless variant.
ServerlessMemory = Annotated[
    int, Allowed("0, 1024, 2048, 3072, 4096, 5120 or 6144", range(0, 6145, 1024).__contains__)
]
Concurrency = Annotated[int, Allowed("a whole number from 1 to 200", lambda n: 1 <= n <= 200)]
Port = Annotated[int, Allowed("a whole number from 0 to 65535", lambda n: 0 <= n <= 65535)]
Pixels = Annotated[int, Allowed("a whole number from 32 to 1024", lambda n: 32 <= n <= 1024)]
Stages = Annotated[int, Allowed("a whole number from -1", lambda n: n >= -1)]
Share = Annotated[float, Allowed("a number from 0 to 1", lambda x: 0 <= x <= 1)]
ShareBelowOne = Annotated[float, Allowed("a number from 0 to below 1", lambda x: 0 <= x < 1)]
PartialShare = Annotated[float, Allowed("a number above 0 and below 1", lambda x: 0 < x < 1)]
Rate = Annotated[float, Allowed("a number above 0 and at most 1", lambda x: 0 < x <= 1)]
Positive = Annotated[float, Allowed("a number above 0", lambda x: 0 < x < float("inf"))]
NotNegative = Annotated[float, Allowed("a number from 0", lambda x: 0 <= x < float("inf"))]
BatchSizes = Annotated[
    tuple[int, ...],
    BeforeValidator(_tuple),
    Allowed(
        "a list of different whole numbers from 2",  # batch normalisation needs two images
        lambda sizes: sizes and min(sizes) >= 2 and len(set(sizes)) == len(sizes),
    ),
]
Alarms = Annotated[
    tuple[str, ...],
    BeforeValidator(_tuple),
    Allowed(
        f"a list of {', '.join(ALARMS)}, each once; [] for none",
        lambda names: set(names) <= set(ALARMS) and len(set(names)) == len(names),
    ),
]
LabelNoise = Annotated[Literal["off", "measure", "leave-out"], BeforeValidator(_off)]
Account = Annotated[str | None, Allowed("twelve digits in quotes, or null", _matches(r"\d{12}"))]
Bucket = Annotated[
    str | None,
    Allowed("a bucket's name, or null", _matches(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")),
]
Subnets = Annotated[
    tuple[str, ...],
    BeforeValidator(_tuple),
    _list_of("subnets such as subnet-0a1b2c3d", 16, r"subnet-[0-9a-f]+"),
]
SecurityGroups = Annotated[
    tuple[str, ...],
    BeforeValidator(_tuple),
    _list_of("security groups such as sg-0a1b2c3d", 5, r"sg-[0-9a-f]+"),
]
KmsKey = Annotated[
    str,
    Allowed(
        "the ARN of a KMS key, or empty", _matches(r"(arn:aws[a-z-]*:kms:[^:]+:\d{12}:key/[\w-]+)?")
    ),
]
Accounts = Annotated[
    tuple[str, ...],
    BeforeValidator(_tuple),
    _list_of("accounts, each twelve digits in quotes", 20, r"\d{12}"),
]
ModelGroup = Annotated[
    str,
    Allowed(
        "the ARN of a model package group, or empty",
        _matches(r"(arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:model-package-group/[\w-]{1,63})?"),
    ),
]
# The periods that CloudWatch Logs accepts, up to a year.
LogDays = Annotated[
    int,
    Allowed(
        "0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365",
        (0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365).__contains__,
    ),
]
Role = Annotated[str | None, Allowed("a role's name or ARN, or null", bool)]
Image = Annotated[str | None, Allowed("an image's address, or null", bool)]
InstanceType = Annotated[
    str, Allowed("an instance type such as ml.m5.xlarge", _matches(r"ml\.[a-z0-9-]+\.[a-z0-9-]+"))
]
# `names.belongs` says which of them a stage may use.
EndpointName = Annotated[
    str,
    Allowed(
        f"{NAME} or {NAME}-..., up to 63 letters, digits and hyphens",
        _matches(rf"(?=.{{1,63}}$){NAME}(-+[a-zA-Z0-9]+)*"),
    ),
]
ImageSource = Annotated[str, Allowed(f"a local folder, or an s3:// prefix {ADDRESS}", _is_source)]
FurtherSource = Annotated[
    str,
    Allowed(
        f"a local folder, an s3:// prefix {ADDRESS}, or none", lambda t: not t or _is_source(t)
    ),
]
AuditSource = FurtherSource
FileList = Annotated[
    str,
    Allowed(f"a local file, an s3:// address {ADDRESS}, or none", lambda t: not t or _is_source(t)),
]
Classes = Annotated[
    str,
    Allowed(counts.ALLOWED, _is_classes),
]
Split = Annotated[str, Allowed('three positive numbers such as "8:1:1", in quotes', _is_split)]
Backbone = Annotated[
    str,
    Allowed(
        f"{', '.join(backbones.RESNETS)}, or another name that timm knows",
        backbones.is_known,
        backbones.similar,
    ),
]
TrackingServer = Annotated[
    str,
    Allowed(
        "the ARN of a SageMaker MLflow server, an address such as http://..., or empty",
        _matches(r"(arn:aws[a-z-]*:sagemaker:.*|[a-z][a-z0-9+]*://.*)?"),
    ),
]


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting of a model, by dotted key such as `tuning.epochs.min`."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, f"{path}{name}.")
        else:
            yield path + name, field


def allowed(field: FieldInfo) -> Allowed:
    """What a setting may be, such as `a whole number from 32 to 1024`."""
    if get_origin(field.annotation) is Literal:
        choices = get_args(field.annotation)
        return Allowed("one of " + ", ".join(choices), choices.__contains__)
    limits = [limit for limit in field.metadata if isinstance(limit, Allowed)]
    return limits[0] if limits else Allowed("true or false", lambda value: True)
