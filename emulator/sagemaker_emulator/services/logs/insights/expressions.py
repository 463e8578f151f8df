"""The expressions of queries: fields, numbers, texts, arithmetic, comparisons and functions."""

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import re2

from sagemaker_emulator.aws.patterns import encodable
from sagemaker_emulator.services.logs.insights.aggregates import AGGREGATES, Cells, percentile
from sagemaker_emulator.services.logs.insights.functions import FUNCTIONS, milliseconds
from sagemaker_emulator.services.logs.insights.values import (
    Row,
    Time,
    Value,
    compare,
    is_true,
    number,
    text,
)
from sagemaker_emulator.services.logs.patterns.boolean import Tokens
from sagemaker_emulator.services.logs.patterns.values import unquoted

Evaluate = Callable[[Row], Value]

# A regular expression has a space, `(` or `~` before it and no space behind its first slash.
FORM = re.compile(
    r"""(?P<space>\s+|\#[^\n]*) | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<regex>(?<=[\s~(])/(?!\s)(?:\\.|[^/\\])+/) | (?P<period>\d+[a-z]+\b)
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?) | (?P<field>`[^`]+`|[@A-Za-z_][\w.@]*)
    | (?P<mark>!=|<=|>=|=~|[-=<>+*/%^()\[\],|])""",
    re.VERBOSE,
)
_ORDERS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_Operation = Callable[[float, float], float]
_ARITHMETIC: dict[str, _Operation] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    "^": operator.pow,
}


@dataclass(frozen=True)
class Aggregate:
    """One aggregation of a `stats`: the field of a group's row that holds it, and its meaning."""

    field: str
    argument: Evaluate
    run: Callable[[Cells], Value]


class Expressions:
    """Reads expressions.

    Args:
        tokens: what they are read from.
        aggregates: takes the aggregations that it meets; None where none may stand.
    """

    def __init__(self, tokens: Tokens, aggregates: list[Aggregate] | None = None) -> None:
        self._tokens = tokens
        self._aggregates = aggregates

    def read(self) -> Evaluate:
        """The next expression.

        Raises:
            ValueError: It is malformed.
            NotImplementedError: It has a function that the emulator lacks.
        """
        self._tokens.enter()
        tests = [self._both()]
        while self._tokens.accept("or"):
            tests.append(self._both())
        self._tokens.leave()
        return tests[0] if len(tests) == 1 else lambda row: any(is_true(t(row)) for t in tests)

    def _both(self) -> Evaluate:
        tests = [self._negation()]
        while self._tokens.accept("and"):
            tests.append(self._negation())
        return tests[0] if len(tests) == 1 else lambda row: all(is_true(t(row)) for t in tests)

    def _negation(self) -> Evaluate:
        if self._tokens.accept("not"):
            self._tokens.enter()
            inner = self._negation()
            self._tokens.leave()
            return lambda row: not is_true(inner(row))
        return self._comparison()

    def _comparison(self) -> Evaluate:
        tokens, left = self._tokens, self._sum()
        if tokens.peek().text.lower() == "not" and tokens.peek(1).text.lower() in ("like", "in"):
            tokens.next()
            found = self._membership(left)
            return lambda row: not is_true(found(row))
        if tokens.peek().text.lower() in ("like", "=~", "in"):
            return self._membership(left)
        sign = tokens.accept("=", "!=", "<", "<=", ">", ">=")
        if not sign:
            return left
        right = self._sum()
        if sign in ("=", "!="):
            return lambda row: _equal(left(row), right(row)) == (sign == "=")
        order = _ORDERS[sign]
        return lambda row: (
            (a := left(row)) is not None
            and (b := right(row)) is not None
            and order(compare(a, b), 0)
        )

    def _membership(self, left: Evaluate) -> Evaluate:
        """`like`, `=~` and `in`."""
        tokens = self._tokens
        if tokens.accept("in"):
            tokens.expect("[")
            choices = [self._sum()]
            while tokens.accept(","):
                choices.append(self._sum())
            tokens.expect("]")
            return lambda row: any(_equal(left(row), choice(row)) for choice in choices)
        tokens.expect("like", "=~")
        if tokens.peek().kind == "regex":
            compiled = regex(tokens.next().text)
            return lambda row: compiled.search(encodable(text(left(row)))) is not None
        part = self._sum()
        return lambda row: text(part(row)) in text(left(row))

    def _sum(self) -> Evaluate:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Evaluate:
        return self._chain(self._power, "*", "/", "%")

    def _power(self) -> Evaluate:
        return self._chain(self._single, "^")

    def _chain(self, operand: Callable[[], Evaluate], *signs: str) -> Evaluate:
        """Operands between some signs; a chain of any length is not nested."""
        first, others = operand(), []
        while sign := self._tokens.accept(*signs):
            others.append((_ARITHMETIC[sign], operand()))
        return _arithmetic(first, others) if others else first

    def _single(self) -> Evaluate:
        tokens = self._tokens
        if tokens.accept("-"):
            tokens.enter()
            inner = self._single()
            tokens.leave()
            return _arithmetic(lambda _: 0, [(operator.sub, inner)])
        if tokens.accept("("):
            inner = self.read()
            tokens.expect(")")
            return inner
        token = tokens.next()
        if token.kind == "number":
            amount = float(token.text)
            return lambda _: amount
        if token.kind == "text":
            content = unquoted(token.text)
            return lambda _: content
        if token.kind != "field":
            raise ValueError(f"expected a field, number or text, not {token.text or 'the end'!r}")
        if tokens.peek().text == "(" and not token.text.startswith("`"):
            return self._call(token.text)
        name = token.text.strip("`")
        return lambda row: row.get(name)

    def _call(self, name: str) -> Evaluate:
        tokens, known = self._tokens, name.lower()
        tokens.expect("(")
        if known in ("bin", "datefloor"):
            return self._bin(known)
        if known in AGGREGATES or known in ("pct", "percentile"):
            return self._aggregate(known)
        if known not in FUNCTIONS:
            raise NotImplementedError(
                f"the function {name}. It runs: bin, datefloor, "
                f"{', '.join(sorted([*FUNCTIONS, *AGGREGATES, 'pct']))}"
            )
        least, most, run = FUNCTIONS[known]
        arguments: list[Evaluate] = []
        while not tokens.accept(")"):
            if arguments:
                tokens.expect(",")
            arguments.append(self.read())
        if not least <= len(arguments) <= most:
            raise ValueError(f"{name} takes {least} to {most} arguments, not {len(arguments)}")
        return lambda row: run([argument(row) for argument in arguments])

    def _bin(self, name: str) -> Evaluate:
        """`bin(5m)`: the begin of a row's period; `datefloor(time, 5m)`."""
        when: Evaluate = lambda row: row.get("@timestamp")  # noqa: E731 - one of two
        if name == "datefloor":
            when = self.read()
            self._tokens.expect(",")
        period = milliseconds(self._tokens.next().text)
        self._tokens.expect(")")

        def begin(row: Row) -> Value:
            found = number(when(row))
            return None if found is None else Time(int(found) // period * period)

        return begin

    def _aggregate(self, name: str) -> Evaluate:
        tokens, percent = self._tokens, 0.0
        if self._aggregates is None:
            raise ValueError(f"{name} may only stand in stats, and not in itself")
        if name == "count" and (tokens.accept("*") or tokens.peek().text == ")"):
            argument: Evaluate = lambda _: 1  # noqa: E731 - one of two
        else:
            argument = Expressions(tokens).read()
        if name in ("pct", "percentile"):
            tokens.expect(",")
            percent = _percentage(tokens.next().text)
        tokens.expect(")")
        run = AGGREGATES.get(name) or (lambda cells: percentile(cells, percent))
        field = f"\0{len(self._aggregates)}"
        self._aggregates.append(Aggregate(field, argument, run))
        return lambda row: row.get(field)


def _percentage(written: str) -> float:
    """The second argument of `pct`.

    Raises:
        ValueError: It is none from 0 to 100.
    """
    percent = number(written)
    if percent is None or not 0 <= percent <= 100:
        raise ValueError(f"pct takes a percentage from 0 to 100, not {written or 'the end'!r}")
    return percent


def regex(literal: str) -> "re2._Regexp[str]":
    """The regular expression between two slashes.

    Raises:
        ValueError: It is none.
    """
    try:
        return re2.compile(literal[1:-1].replace("\\/", "/"))
    except re2.error as problem:
        raise ValueError(f"the regular expression {literal} is invalid: {problem}") from None


def _equal(left: Value, right: Value) -> bool:
    if left is None or right is None:
        return left is right
    return compare(left, right) == 0


def _arithmetic(first: Evaluate, others: Sequence[tuple[_Operation, Evaluate]]) -> Evaluate:
    def result(row: Row) -> Value:
        value = number(first(row))
        for run, operand in others:
            other = number(operand(row))
            if value is None or other is None:
                return None
            value = _finite(run, value, other)
        return value

    return result


def _finite(run: _Operation, left: float, right: float) -> float | None:
    """A result that is a number; None of others, such as the complex root of a negative one."""
    try:
        found = run(left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return found if isinstance(found, float) and math.isfinite(found) else None
