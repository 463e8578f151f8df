"""The values of an event pattern: which value of an event each of them accepts.

The words and their meaning are those of EventBridge's own engine, github.com/aws/event-ruler.
"""

import ipaddress
import operator
from collections.abc import Callable
from typing import Any

Accepts = Callable[[Any], bool]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# A field whose alternatives have one of these names is no `$or`, see `patterns`.
WORDS = (
    *("exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard"),
    *("numeric", "cidr", *_COMPARE, "regex", "not-wildcard", "not-equals-ignore-case"),
    *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
    *("ip-address-in-range", "ip-address-not-in-range"),
)


def compile(choice: Any, path: str) -> Accepts:
    """One of the alternatives that a pattern has for a field; not `exists`.

    Args:
        choice: a value, or a comparison such as `{"prefix": "a"}`.
        path: of the field, for messages.

    Raises:
        ValueError: It is no comparison of EventBridge's, or compares with what it cannot.
    """
    if isinstance(choice, list):
        raise ValueError(f"Match value must be String, number, true, false, or null at '{path}'")
    if not isinstance(choice, dict):
        # Numbers are compared as they are written: 1 is not 1.0.
        return lambda value: type(value) is type(choice) and bool(value == choice)
    if len(choice) != 1:
        raise ValueError(f"Only one key allowed in match expression at '{path}'")
    name, argument = next(iter(choice.items()))
    if name == "numeric":
        return _numeric(argument, path)
    if name == "anything-but":
        return _anything_but(argument, path)
    return _text(name, argument, path)


def _text(name: str, argument: Any, path: str) -> Accepts:
    """A comparison that only texts can pass."""
    if name in ("prefix", "suffix") and isinstance(argument, dict):
        if list(argument) != ["equals-ignore-case"]:
            keys = ", ".join(argument)
            raise ValueError(f"Unsupported {name} pattern: {keys} at '{path}'")
        lower = _string(argument["equals-ignore-case"], "equals-ignore-case", path).lower()
        if name == "prefix":
            return lambda value: isinstance(value, str) and value.lower().startswith(lower)
        return lambda value: isinstance(value, str) and value.lower().endswith(lower)
    if name not in ("exactly", "prefix", "suffix", "equals-ignore-case", "wildcard", "cidr"):
        raise ValueError(f"Unrecognized match type {name} at '{path}'")
    text = _string(argument, "prefix" if name == "cidr" else name, path)
    test: Callable[[str], bool]
    match name:
        case "exactly":
            test = text.__eq__
        case "prefix":
            test = lambda value: value.startswith(text)  # noqa: E731
        case "suffix":
            test = lambda value: value.endswith(text)  # noqa: E731
        case "equals-ignore-case":
            test = lambda value: value.lower() == text.lower()  # noqa: E731
        case "wildcard":
            parts = _parts(text, path)
            test = lambda value: _has_parts(value, parts)  # noqa: E731
        case _:
            network = _network(text, path)
            test = lambda value: _is_in(value, network)  # noqa: E731
    return lambda value: isinstance(value, str) and test(value)


def _string(argument: Any, name: str, path: str) -> str:
    if not isinstance(argument, str):
        raise ValueError(f"{name} match pattern must be a string at '{path}'")
    return argument


def _parts(text: str, path: str) -> list[str]:
    r"""The literal texts between the `*` of a wildcard; `\*` and `\\` are literal."""
    parts, position = [""], 0
    while position < len(text):
        letter, following = text[position], text[position + 1 : position + 2]
        if letter == "*":
            if following == "*":
                message = f"Consecutive wildcard characters at pos {position + 1} at '{path}'"
                raise ValueError(message)
            parts.append("")
        elif letter == "\\":
            if following not in ("*", "\\"):
                raise ValueError(f"Invalid escape character at pos {position + 1} at '{path}'")
            parts[-1] += following
            position += 1
        else:
            parts[-1] += letter
        position += 1
    return parts


def _has_parts(value: str, parts: list[str]) -> bool:
    """Whether a text begins with the first part, ends with the last, with the others between."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return value == first
    if not (value.startswith(first) and value.endswith(last)):
        return False
    position, end = len(first), len(value) - len(last)
    for part in parts[1:-1]:
        found = value.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return position <= end


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str, path: str) -> _Network:
    address, slash, mask = text.partition("/")
    if not slash or "/" in mask:
        raise ValueError(f"Malformed CIDR, one '/' required at '{path}'")
    if not (mask.isascii() and mask.isdigit() and len(mask) < 4):
        raise ValueError(f"Malformed CIDR, mask bits must be an integer at '{path}'")
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"Nonstandard IP address: {address} at '{path}'") from None


def _is_in(value: str, network: _Network) -> bool:
    try:
        return ipaddress.ip_address(value) in network
    except ValueError:
        return False


def _numeric(argument: Any, path: str) -> Accepts:
    if not isinstance(argument, list):
        raise ValueError(f"Value of numeric must be an array. at '{path}'")
    pairs = list(zip(argument[::2], argument[1::2], strict=False))
    if not pairs or len(argument) % 2:
        raise ValueError(f"Invalid member in numeric match: it must be pairs at '{path}'")
    for sign, limit in pairs:
        if not isinstance(sign, str) or sign not in _COMPARE:
            raise ValueError(f"Unrecognized numeric range operator: {sign} at '{path}'")
        if not _is_number(limit):
            raise ValueError(f"Value of {'equals' if sign == '=' else sign} must be numeric")
    if len(pairs) > 1:
        (low, bottom), (high, top) = pairs[:2]
        if low not in (">", ">="):
            raise ValueError(f"Too many elements in numeric expression at '{path}'")
        if len(pairs) > 2:
            raise ValueError(f"Too many terms in numeric range expression at '{path}'")
        if high not in ("<", "<="):
            raise ValueError(f"Bad numeric range operator: {high} at '{path}'")
        if bottom >= top:
            raise ValueError(f"Bottom must be less than top at '{path}'")
    return lambda value: _is_number(value) and all(_COMPARE[s](value, n) for s, n in pairs)


def _anything_but(argument: Any, path: str) -> Accepts:
    """Whatever is none of these; it must be there."""
    if isinstance(argument, dict):
        name, values = next(iter(argument.items()), ("", None))
        if len(argument) != 1:
            raise ValueError(f"Only one key allowed in match expression at '{path}'")
        if name not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
            raise ValueError(f"Unsupported anything-but pattern: {name} at '{path}'")
        texts = values if isinstance(values, list) else [values]
        if not texts or ("" in texts and name in ("prefix", "suffix")):
            raise ValueError(f"Null prefix/suffix not allowed at '{path}'")
        refused = [_text(name, _string(text, name, path), path) for text in texts]
        return lambda value: not any(each(value) for each in refused)
    values = argument if isinstance(argument, list) else [argument]
    if not values or not (
        all(isinstance(each, str) for each in values) or all(map(_is_number, values))
    ):
        raise ValueError(
            "Inside anything but list, either all values are number or string, "
            f"mixed type is not supported at '{path}'"
        )
    return lambda value: isinstance(value, bool) or value not in values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
