"""Whether AWS would accept a step's `Arguments`, checked against botocore's request shapes."""

from collections.abc import Iterator
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate

OPERATIONS = {
    "Processing": "CreateProcessingJob",
    "Training": "CreateTrainingJob",
    "Tuning": "CreateHyperParameterTuningJob",
    "RegisterModel": "CreateModelPackage",
}
# The service sets these names itself.
NAMED_BY_THE_SERVICE = ("ProcessingJobName", "TrainingJobName", "HyperParameterTuningJobName")
EXPRESSIONS = ({"Get"}, {"Std:Join"}, {"Std:JsonGet"})
SAMPLES: dict[str, Any] = {"integer": 1, "long": 1, "float": 1.0, "double": 1.0, "boolean": True}


def steps(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step, including those inside conditions."""
    waiting = list(definition["Steps"])
    while waiting:
        step = waiting.pop(0)
        yield step
        if step["Type"] == "Condition":
            waiting += step["Arguments"]["IfSteps"] + step["Arguments"]["ElseSteps"]


def problems(step: dict[str, Any]) -> list[str]:
    """What is wrong with a step's request; empty for a step that sends no SageMaker request."""
    if step["Type"] not in OPERATIONS:
        return []
    model = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
    service = botocore.model.ServiceModel(model, "sagemaker")
    shape = service.operation_model(OPERATIONS[step["Type"]]).input_shape
    assert shape
    request = evaluated(step["Arguments"], shape)
    for name in set(NAMED_BY_THE_SERVICE) & set(shape.members):
        request.setdefault(name, "x")
    report = botocore.validate.ParamValidator().validate(request, shape)
    invalid = [report.generate_report()] if report.has_errors() else []
    return invalid + list(unknown(request, shape)) + list(not_allowed(request, shape))


def evaluated(value: Any, shape: Any) -> Any:
    """The value with each expression replaced by a value that its shape allows."""
    if isinstance(value, dict) and set(value) in EXPRESSIONS:
        if getattr(shape, "enum", None):
            return shape.enum[0]
        return SAMPLES.get(shape.type_name, "x" * max(1, shape.metadata.get("min", 1)))
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            name: evaluated(inner, shape.members[name]) if name in shape.members else inner
            for name, inner in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [evaluated(inner, shape.member) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: evaluated(inner, shape.value) for name, inner in value.items()}
    return value


def unknown(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Members that the shape does not have; botocore would drop them silently."""
    for inner, inner_shape, inner_path in _inside(value, shape, path):
        if inner_shape is None:
            yield f"{inner_path}: no such member"
        else:
            yield from unknown(inner, inner_shape, inner_path)


def not_allowed(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Texts outside an enumeration; botocore does not check them."""
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed and not str(value).startswith("ml."):
        yield f"{path}: {value!r} is none of {allowed}"
    for inner, inner_shape, inner_path in _inside(value, shape, path):
        if inner_shape is not None:
            yield from not_allowed(inner, inner_shape, inner_path)


def _inside(value: Any, shape: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, inner in value.items():
            yield inner, shape.members.get(name), f"{path}.{name}"
    elif shape.type_name == "list" and isinstance(value, list):
        for index, inner in enumerate(value):
            yield inner, shape.member, f"{path}[{index}]"
    elif shape.type_name == "map" and isinstance(value, dict):
        for name, inner in value.items():
            yield inner, shape.value, f"{path}.{name}"
