"""The space-delimited form of a filter pattern: `[ip, ..., status = 4*, bytes > 1000]`."""

import re
from dataclasses import dataclass

from sagemaker_emulator.services.logs.patterns import values
from sagemaker_emulator.services.logs.patterns.boolean import Test, Tokens, condition

_FORM = re.compile(
    r"""(?P<space>\s+) | (?P<text>"(?:\\.|[^"\\])*") | (?P<regex>%[^%]*%)
    | (?P<sign>!=|<=|>=|=|<|>) | (?P<mark>&&|\|\||[(),]) | (?P<word>[^\s()=<>!&|"%,]+)""",
    re.VERBOSE,
)
# A message's fields: what stands in brackets or quotes is one.
_FIELD = re.compile(r'\[([^\]]*)\]|"((?:\\.|[^"\\])*)"|(\S+)')
_ELLIPSIS = "..."


@dataclass(frozen=True)
class _Column:
    name: str
    test: Test[object] | None


class DelimitedForm:
    """Conditions on a message's fields by their places; `...` is any number of them.

    Raises:
        ValueError: The pattern is malformed.
    """

    def __init__(self, text: str) -> None:
        if not text.endswith("]"):
            raise ValueError("a pattern that begins with [ must end with ]")
        tokens = Tokens(text[1:-1], _FORM)
        self._columns: list[_Column] = []
        while tokens.peek().kind != "end":
            self._columns.append(_column(tokens))
            if tokens.peek().kind != "end":
                tokens.expect(",")
        if [column.name for column in self._columns].count(_ELLIPSIS) > 1:
            raise ValueError("only one ... is allowed")

    def values(self, message: str) -> dict[str, str] | None:
        """The fields by their names, or by numbers such as `$3`; None where it has no match."""
        fields = [a or b or c for a, b, c in _FIELD.findall(message)]
        columns = self._columns
        names = [column.name for column in columns]
        if _ELLIPSIS in names:
            at = names.index(_ELLIPSIS)
            missing = len(fields) - len(columns) + 1
            columns = [*columns[:at], *[_Column("", None)] * missing, *columns[at + 1 :]]
        if len(fields) != len(columns):
            return None
        pairs = list(zip(columns, fields, strict=True))
        if not all(column.test is None or column.test(field) for column, field in pairs):
            return None
        return {f"${column.name or at}": field for at, (column, field) in enumerate(pairs, 1)}


def _column(tokens: Tokens) -> _Column:
    """One column: a name, and a condition in which the name stands before each comparison."""
    names: list[str] = []

    def leaf(tokens: Tokens) -> Test[object]:
        token = tokens.next()
        if token.kind not in ("word", "text"):
            raise ValueError(f"expected a field's name, not {token.text or 'the end'!r}")
        names.append(token.text)
        sign = tokens.accept("=", "!=", "<", "<=", ">", ">=")
        if not sign:
            return lambda _: True
        value = tokens.next()
        if value.kind not in ("word", "text", "regex"):
            raise ValueError(f"expected a value to compare with, not {value.text or 'the end'!r}")
        return values.comparison(sign, value)

    if tokens.peek().text == ",":  # a field without a name
        return _Column("", None)
    if tokens.peek().text == _ELLIPSIS:
        tokens.next()
        return _Column(_ELLIPSIS, None)
    test = condition(tokens, leaf)
    if len(set(names)) > 1:
        raise ValueError(f"a field has one name, not {' and '.join(dict.fromkeys(names))}")
    return _Column(names[0], test)
