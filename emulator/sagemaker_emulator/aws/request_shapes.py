"""Values checked against, and cut down to, the shapes of botocore's service models."""

import base64
import binascii
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from sagemaker_emulator.aws import constraints, numerals
from sagemaker_emulator.aws.constraints import shown
from sagemaker_emulator.errors import ApiError, invalid

# Whose texts on enumerated or numeric elements end with "Member must not be null".
_NAMES_NULL = {"lambda"}


class _Faults(list[str]):
    """What is wrong with a request.

    Args:
        names_null: whether texts on enumerated or numeric elements say that none may be null.
    """

    def __init__(self, *, names_null: bool) -> None:
        super().__init__()
        self.names_null = names_null


def parse(shape: Shape | None, value: Mapping[str, Any], service: str = "") -> Any:
    """Check a request against its shape: types; then members, enums, patterns, lengths and ranges.

    Messages name a member as AWS's do: `productionVariants.1.member.modelName`. Of a list or a map
    whose elements break their constraints, all is shown, once, with every constraint, as in
    github.com/aws/sagemaker-python-sdk/issues/314 and, for Lambda, in the recordings of AWS of
    github.com/localstack/localstack, tests/aws/services/lambda_/test_lambda_api.snapshot.json.

    Args:
        shape: The operation's input shape; None where it takes no input.
        value: The request; timestamps as epoch seconds or ISO 8601, blobs as base64 or bytes.
        service: Its service, as botocore names it.

    Returns:
        The request with timestamps as epoch seconds and blobs as bytes.

    Raises:
        ApiError: `SerializationException` for the first value of another JSON type, as AWS reads
            a request before it checks it; else `ValidationException` that names all faults.
    """
    if shape is None:
        return {}
    faults = _Faults(names_null=service in _NAMES_NULL)
    parsed = _parse(shape, value, "", faults)
    if faults:
        plural = "s" if len(faults) > 1 else ""
        raise invalid(f"{len(faults)} validation error{plural} detected: {'; '.join(faults)}")
    return parsed


def present(shape: Shape | None, value: Any) -> Any:
    """Cut a result down to its shape, with blobs as base64 and timestamps as epoch seconds."""
    if shape is None or value is None:
        return None
    match shape:
        case StructureShape():
            return {
                name: present(member, value[name])
                for name, member in shape.members.items()
                if value.get(name) is not None and not _is_infinite(value[name])
            }
        case ListShape():
            return [present(shape.member, item) for item in value]
        case MapShape():
            return {_encodable(key): present(shape.value, item) for key, item in value.items()}
        case Shape(type_name="blob"):
            return base64.b64encode(value).decode() if isinstance(value, bytes) else value
        case Shape(type_name="timestamp"):
            return _epoch(value)
        case _:
            return _encodable(value) if isinstance(value, str) else value


def _encodable(text: str) -> str:
    """A text without half characters, as of a file's name that is no UTF-8: clients print it."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _is_infinite(value: object) -> bool:
    """Whether a value is a number that JSON cannot hold; an earlier version kept such metrics."""
    return isinstance(value, float) and not math.isfinite(value)


# The years 1 to 9999.
_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0


def _epoch(value: Any) -> float:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if not numerals.is_finite(value) or not _FIRST <= value <= _LAST:
        raise ValueError(value)
    return float(value)


def _parse(
    shape: Shape, value: Any, path: str, faults: _Faults, *, is_element: bool = False
) -> Any:
    kind = shape.type_name
    expected = _TYPES.get(kind)
    is_expected = not expected or isinstance(value, expected)
    if not is_expected or (expected and isinstance(value, bool) and bool not in expected):
        message = f"{_mismatch(kind, value)} (at '{path or 'request'}')"
        raise ApiError("SerializationException", message)
    if isinstance(value, float) and not math.isfinite(value):
        faults.append(f"Value {shown(value)} at '{path}' is not a finite number")
        return value
    if not is_element:
        for constraint in constraints.broken(shape, value):
            faults.append(constraints.fault(shape, value, path, constraint))
    match shape:
        case StructureShape():
            return _structure(shape, value, path, faults)
        case ListShape():
            items = [
                _parse(shape.member, item, f"{path}.{index}.member", faults, is_element=True)
                for index, item in enumerate(value, 1)
            ]
            _elements(shape, shape.member, value, "Member", value, path, faults)
            return items
        case MapShape():
            for key in value:
                _parse(shape.key, key, f"{path}.{_short(key)}.key", faults, is_element=True)
            parsed = {
                key: _parse(
                    shape.value, item, f"{path}.{_short(key)}.member", faults, is_element=True
                )
                for key, item in value.items()
            }
            _elements(shape, shape.key, value, "Map keys", value, path, faults)
            _elements(shape, shape.value, value.values(), "Map value", value, path, faults)
            return parsed
        case StringShape():
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                text = "is not Unicode: it has half a character"
                faults.append(f"Value {shown(value)} at '{path}' {text}")
        case Shape(type_name="integer" | "long" | "float" | "double"):
            least, most = _RANGES.get(kind, (value, value))
            if not least <= value <= most:
                faults.append(f"Value {shown(value)} at '{path}' is not a {kind}")
        case Shape(type_name="blob"):
            return _blob(value, path, faults)
        case Shape(type_name="timestamp"):
            try:
                return _epoch(value)
            except (TypeError, ValueError, OverflowError):
                faults.append(f"Value {shown(value)} at '{path}' is not a timestamp")
    return value


_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list, tuple),
    "map": (dict,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "blob": (str, bytes),
    "timestamp": (int, float, str, datetime),
}
# What AWS converts a value to; its words for the others.
_CONVERTED = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "blob": "a Blob",
    "timestamp": "milliseconds since epoch",
}
_SCALARS = {"list": "Expected list or null", "map": "Expected map or null"}


def _mismatch(kind: str, value: Any) -> str:
    """What is wrong with a value of another JSON type, in AWS's words."""
    match value:
        case dict():
            return "Start of structure or map found where not expected."
        case list() | tuple():
            return "Start of list found where not expected"
    if kind not in _CONVERTED:
        return _SCALARS.get(kind, "Expected null")
    token = f"{value}".upper() if isinstance(value, bool) else "NUMBER"
    token = "STRING" if isinstance(value, str) else token
    return f"{token}_VALUE can not be converted to {_CONVERTED[kind]}"


_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (numerals.LEAST, numerals.MOST)}


def _structure(
    shape: StructureShape, value: Mapping[str, Any], path: str, faults: _Faults
) -> dict[str, object]:
    members = shape.members
    prefix = f"{path}." if path else ""
    for name in shape.metadata.get("required", ()):
        if value.get(name) is None:
            faults.append(
                f"Value null at '{prefix}{_lower(name)}' failed to satisfy constraint: "
                "Member must not be null"
            )
    parsed = {}
    for name, item in value.items():
        if name not in members:
            known = ", ".join(sorted(members))
            where = f" at '{path}'" if path else ""
            faults.append(f"Unknown member {shown(name)}{where}; it must be one of: {known}")
        elif item is not None:
            parsed[name] = _parse(members[name], item, f"{prefix}{_lower(name)}", faults)
    return parsed


def _lower(name: str) -> str:
    """A member's name as AWS's messages have it: `modelName`."""
    return name[:1].lower() + name[1:]


def _short(key: str) -> str:
    return key if len(key) <= 100 else f"{key[:100]}..."


def _elements(
    shape: Shape,
    element: Shape,
    items: Iterable[Any],
    what: str,
    whole: Any,
    path: str,
    faults: _Faults,
) -> None:
    """Add one fault for all elements of a list or a map that break a constraint."""
    if any(True for item in items for _ in constraints.broken(element, item)):
        texts = constraints.all_of(element)
        is_text = element.type_name == "string" and "enum" not in element.metadata
        texts += ["Member must not be null"] if faults.names_null and not is_text else []
        text = f"{what} must satisfy constraint: [{', '.join(texts)}]"
        faults.append(constraints.fault(shape, whole, path, text))


def _blob(value: Any, path: str, faults: list[str]) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        faults.append(f"Value at '{path}' is not base64")
        return b""


def unknown_operation(service: str, name: str, known: list[str]) -> ApiError:
    """The refusal of an operation that is not run here."""
    return ApiError(
        "UnknownOperationException",
        f"The emulator does not run {service} {name}. It runs: {', '.join(sorted(known))}",
    )
