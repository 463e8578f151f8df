"""What a shape of a service model demands of a value, in the words of AWS's refusals."""

from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagemaker_emulator.aws import patterns

# Members whose values AWS does not show either, by the tests of CloudWatch Logs that
# github.com/getmoto/moto has run against AWS (test_get_log_events_using_arn).
_UNSHOWN = {"logGroupIdentifier"}
_LONGEST = 1024  # characters of a value in a message; AWS shows all of it
_CONSTRAINTS = ("enum", "max", "min", "pattern")  # in the order in which AWS lists them
_MEASURED = ("string", "list", "map", "integer", "long", "float", "double")


def broken(shape: Shape, value: Any) -> Iterator[str]:
    """The constraints of a shape, but for those of its members, that a value breaks."""
    if shape.type_name not in _MEASURED:
        return
    limits = shape.metadata
    size = len(value) if hasattr(value, "__len__") else value
    if (allowed := limits.get("enum")) and value not in allowed:
        yield _text("enum", shape)
    if "max" in limits and size > limits["max"]:
        yield _text("max", shape)
    if "min" in limits and size < limits["min"]:
        yield _text("min", shape)
    if pattern := limits.get("pattern"):
        matcher = patterns.of_service_model(pattern)
        if matcher and not matcher.fullmatch(value):
            yield _text("pattern", shape)


def _text(key: str, shape: Shape) -> str:
    limit = shape.metadata[key]
    what = "length" if shape.type_name in ("string", "list", "map") else "value"
    match key:
        case "enum":
            return f"Member must satisfy enum value set: [{', '.join(limit)}]"
        case "max":
            return f"Member must have {what} less than or equal to {limit}"
        case "min":
            return f"Member must have {what} greater than or equal to {limit}"
        case _:
            return f"Member must satisfy regular expression pattern: {limit}"


def all_of(shape: Shape) -> list[str]:
    """All constraints of a shape, but for those of its members."""
    return [_text(key, shape) for key in _CONSTRAINTS if key in shape.metadata]


def fault(shape: Shape, value: Any, path: str, constraint: str) -> str:
    """What is wrong with a value that breaks a constraint; what is sensitive is not shown."""
    if shape.metadata.get("sensitive") or path in _UNSHOWN:
        return f"Value at '{path}' failed to satisfy constraint: {constraint}"
    return f"Value {shown(value, shape)} at '{path}' failed to satisfy constraint: {constraint}"


def shown(value: Any, shape: Shape | None = None) -> str:
    """A value as AWS's messages have it.

    A list is `[a, b]`, a map `{a=b}`, a structure `Tag(key=a, value=null)`, as in the recordings of
    AWS of github.com/localstack/localstack (events/test_events.snapshot.json).
    """
    # Half a character could not be printed by whoever reads the message.
    text = _plain(value, shape).encode(errors="backslashreplace").decode()
    return f"'{text[:_LONGEST]}...'" if len(text) > _LONGEST else f"'{text}'"


def _plain(value: Any, shape: Shape | None) -> str:
    if shape and shape.metadata.get("sensitive"):
        return "***"
    match shape, value:
        case StructureShape(), dict():
            members = (
                f"{name[:1].lower()}{name[1:]}={_plain(value.get(name), member)}"
                for name, member in shape.members.items()
            )
            return f"{shape.name}({', '.join(members)})"
        case ListShape(), list() | tuple():
            return f"[{', '.join(_plain(item, shape.member) for item in value)}]"
        case MapShape(), dict():
            items = (f"{key}={_plain(item, shape.value)}" for key, item in value.items())
            return f"{{{', '.join(items)}}}"
        case _, None:
            return "null"
    return str(value)
