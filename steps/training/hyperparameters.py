"""The hyperparameters of one training, checked once: names, defaults, allowed values and help."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

import network
from counts import Classes
from record_errors import USUAL_KINDS, RecordErrors
from training.environment import TrainingError

GROWN_AFTER = 0.4  # share of the epochs after which `growing` uses images of full size

Loss = Literal["soft-ordinal", "cross-entropy", "coral", "corn", "expected-count"]
Augmentation = Literal["light", "standard"]
Schedule = Literal["one-cycle", "cosine", "constant"]
Precision = Literal["auto", "float32", "bfloat16"]
Natural = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
PartialShare = Annotated[float, Field(gt=0, lt=1)]


def _field(default: object, text: str) -> Any:
    return Field(default, description=text)


class Recipe(BaseModel):
    """Hyperparameters; a new one is a line here, and its type states the allowed values.

    SageMaker passes every value as text, under the field's name with hyphens.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
    )

    backbone: str = _field(network.SHIPPED, "torchvision ResNet, or name of a timm model")
    pretrained: bool = _field(True, "start from ImageNet weights")
    freeze: Annotated[int, Field(ge=-1)] = _field(0, "backbone stages to freeze; -1: all of it")
    dropout: Share = _field(0.2, "share of features dropped before the last layer")
    counts: str = _field("", "counts to answer, such as 1-5 or 0-6+; empty: all")
    loss: Loss = _field("soft-ordinal", "training loss")
    label_width: NotNegative = _field(0.6, "standard deviation of soft-ordinal labels, in items")
    label_smoothing: Share = _field(0.1, "for cross-entropy and expected-count")
    mirrored: bool = _field(True, "answer with the mean over an image and its mirror image")
    image_size: Annotated[int, Field(ge=32)] = _field(128, "width and height in pixels")
    batch_size: Natural = _field(32, "images in a training step, over all processes")
    test_batch_size: Natural = _field(100, "images in a validation step")
    augment: Augmentation = _field("light", "strength of the augmentation")
    mixup: NotNegative = _field(0.0, "alpha of mixup's Beta distribution; 0: off")
    balanced: bool = _field(False, "sample all counts equally often")
    label_noise: Literal["off", "measure", "leave-out"] = _field(
        "off", "find probably wrong labels; leave-out: train without them"
    )
    growing: bool = _field(False, f"smaller images in the first {GROWN_AFTER:.0%} of the epochs")
    lr: Positive = _field(0.01, "peak learning rate, usually 0.001 to 0.1")
    head_rate: Positive = _field(6.0, "learning rate of the head, relative to the backbone's")
    epochs: Natural = _field(3, "passes over the training images")
    schedule: Schedule = _field("one-cycle", "learning rate schedule")
    weight_decay: NotNegative = _field(0.02, "weight decay of AdamW")
    ema: Share = _field(0.998, "decay of the moving average of the weights; 0: off")
    precision: Precision = _field("auto", "auto: bfloat16 on a GPU that has it, else float32")
    compile: bool = _field(False, "use torch.compile; takes minutes to start")
    num_workers: Natural = _field(os.cpu_count() or 1, "threads that decode images")
    seed: int = _field(0, "random seed")
    debug: bool = _field(False, "save tensors and judge them with the debug rules")
    stop_on_issue: bool = _field(False, "with debug: end training when a rule finds an issue")
    profile: bool = _field(True, "record the operators of two steps in profile.html")
    match_precision: PartialShare = _field(
        0.95, "share of the passing stock records that must be right"
    )
    record_error_rate: PartialShare = _field(0.1, "share of wrong stock records, as assumed")
    record_error_kinds: str = _field(
        USUAL_KINDS, "share of each kind among the wrong stock records"
    )
    decision: Literal["auto", "none"] = _field(
        "auto", "none: count by the photo alone, as trials do"
    )
    export: Literal["auto", "required", "none"] = _field(
        "auto", "ONNX export; auto: fall back to PyTorch; none: PyTorch"
    )

    @field_validator("backbone")
    @classmethod
    def _known(cls, backbone: str) -> str:
        network.require_backbone(backbone)
        return backbone

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.counts:
            try:
                Classes.parse(self.counts)
            except ValueError as error:
                raise ValueError(f"counts: {error}") from None
        try:
            RecordErrors.parse(self.record_error_rate, self.record_error_kinds)
        except ValueError as error:
            raise ValueError(f"record-error-kinds: {error}") from None
        if self.label_noise != "off" and not self.pretrained:
            raise ValueError(
                f"label-noise {self.label_noise} judges labels by the features of a pretrained "
                "backbone; set pretrained to true, or label-noise to off"
            )
        if self.stop_on_issue and not self.debug:
            raise ValueError("stop-on-issue needs the debug rules; set debug to true as well")
        return self

    @property
    def judged_counts(self) -> Classes | None:
        """The counts that the model answers and is scored on; None for all training counts."""
        return Classes.parse(self.counts) if self.counts else None

    @property
    def record_errors(self) -> RecordErrors:
        """How stock records are assumed to be wrong."""
        return RecordErrors.parse(self.record_error_rate, self.record_error_kinds)

    def by_name(self) -> dict[str, Any]:
        """The values under SageMaker's names."""
        return self.model_dump(by_alias=True)

    def identity(self) -> dict[str, Any]:
        """Those of `by_name` that the trained weights depend on."""
        without_effect = {
            "num_workers", "profile", "export", "decision",
            "match_precision", "record_error_rate", "record_error_kinds",
        }  # fmt: skip
        return self.model_dump(by_alias=True, exclude=without_effect)


def parse(arguments: Sequence[str] | None = None) -> Recipe:
    """Read the hyperparameters from `--name value` arguments.

    Args:
        arguments: those of the command line, unless given.

    Raises:
        TrainingError: a name is unknown or a value is not allowed; all such values are named.
    """
    parser = _Parser(
        description="Train the network that counts the items in a bin.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    schemas = Recipe.model_json_schema()["properties"]
    for name, schema in schemas.items():
        default = json.dumps(schema["default"]).strip('"')
        text = f"{schema['description']} ({_allowed(schema)}; default: {default or 'empty'})"
        parser.add_argument(f"--{name}", dest=name, metavar="VALUE", help=text.replace("%", "%%"))
    values: dict[str, Any] = vars(parser.parse_args(arguments))
    try:
        return Recipe(**values)
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            if problem["type"] == "value_error":
                problems.append(str(problem["ctx"]["error"]))
            else:
                name = str(problem["loc"][0])
                allowed = _allowed(schemas[name])
                problems.append(f"{name} is '{problem['input']}' (allowed: {allowed})")
        parser.error("; ".join(problems))


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise TrainingError(f"hyperparameter refused: {message}")


def _allowed(schema: Mapping[str, Any]) -> str:
    """The values that a field's JSON schema allows, in words."""
    if "enum" in schema:
        return ", ".join(schema["enum"])
    kind = {"boolean": "true or false", "integer": "a whole number", "number": "a number"}.get(
        schema["type"], "text"
    )
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    below = schema.get("exclusiveMaximum")
    if below is not None and above is not None:
        return f"{kind} above {above:g} and below {below:g}"
    if below is not None:
        return f"{kind} from {least:g} to below {below:g}"
    if above is not None:
        return f"{kind} above {above:g}"
    return kind if least is None else f"{kind} of {least:g} or more"
