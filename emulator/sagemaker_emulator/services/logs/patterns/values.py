"""The comparisons of filter patterns: with a number, a text that may hold `*`, or an expression."""

import fnmatch
import operator
import re
from collections.abc import Callable
from typing import Any

import re2

from sagemaker_emulator.aws.patterns import encodable
from sagemaker_emulator.services.logs.patterns.boolean import Token

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# What AWS's page on filter patterns allows in an expression; no parentheses.
_EXPRESSION = re.compile(r"[A-Za-z0-9_#=@/;,:\- ^$?\[\]{}|\\*+.]*")


def number(text: object) -> float | None:
    """The number that a value is or that a text shows; None where it is none."""
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        return None
    try:
        return float(text)
    except (ValueError, OverflowError):
        return None


def expression(text: str) -> Callable[[str], bool]:
    """A test by a regular expression between two `%`.

    Raises:
        ValueError: It holds what CloudWatch Logs does not allow, or is malformed.
    """
    inner = text[1:-1]
    if not inner or not _EXPRESSION.fullmatch(inner):
        raise ValueError(f"the regular expression {text} has characters that are not supported")
    try:
        compiled = re2.compile(inner)
    except re2.error as problem:
        raise ValueError(f"the regular expression {text} is invalid: {problem}") from None
    return lambda value: compiled.search(encodable(value)) is not None


def unquoted(text: str) -> str:
    """What a text in double quotes holds."""
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def comparison(sign: str, token: Token) -> Callable[[object], bool]:
    """A test of a scalar value.

    Args:
        sign: `=`, `!=`, `<`, `<=`, `>` or `>=`.
        token: what it is compared with: of the kind `text` (in quotes), `regex`, or another.

    Raises:
        ValueError: The sign is not one for that.
    """
    order, equal = _ORDER[sign], sign in ("=", "!=")
    limit = number(token.text) if token.kind not in ("text", "regex") else None
    if limit is not None:
        return lambda value: (found := number(value)) is not None and order(found, limit)
    if not equal:
        raise ValueError(f"{sign} compares with a number, not with {token.text!r}")
    if token.kind == "regex":
        finds = expression(token.text)
    else:
        text = unquoted(token.text) if token.kind == "text" else token.text
        form = re.compile(fnmatch.translate(text.replace("[", "[[]").replace("?", "[?]")))

        def finds(value: str) -> bool:
            return form.match(value) is not None

    return lambda value: finds(_text(value)) == (sign == "=")


def _text(value: object) -> str:
    """A scalar as it stands in JSON, a text without its quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
