"""A query: commands, each of which takes the rows of the one before.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html describes them.
"""

import operator
import re
from collections.abc import Callable, Iterable

import re2

from sagemaker_emulator.aws.patterns import encodable
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.logs.insights.expressions import (
    FORM,
    Aggregate,
    Evaluate,
    Expressions,
    regex,
)
from sagemaker_emulator.services.logs.insights.values import Row, is_true, order, text
from sagemaker_emulator.services.logs.patterns.boolean import Tokens
from sagemaker_emulator.services.logs.patterns.values import unquoted

MOST_ROWS = 10_000
_Step = Callable[[list[Row]], list[Row]]
# Commands of AWS's that are not run here.
_NOT_HERE = frozenset(
    {
        *("pattern", "diff", "unnest", "anomaly", "lookup", "join", "filterindex", "source"),
        *("unmask", "unfold", "appendcols"),
    }
)


class Query:
    """A query that has been read.

    Args:
        source: its text.

    Raises:
        ApiError: `MalformedQueryException`, or `InvalidParameterException` with the name of what
            the emulator does not run.
    """

    def __init__(self, source: str) -> None:
        self._steps: list[_Step] = []
        self._filters: list[_Step] = []
        self._columns: list[str] | None = None
        self._counts = False
        try:
            self._tokens = Tokens(source, FORM)
            self._read()
        except ValueError as problem:
            raise ApiError("MalformedQueryException", f"{problem}") from None
        except NotImplementedError as problem:
            message = f"The emulator's Logs Insights does not run {problem}"
            raise ApiError("InvalidParameterException", message) from None

    def run(self, rows: list[Row], limit: int) -> tuple[list[list[dict[str, str]]], int]:
        """The results, as GetQueryResults returns them, and how many events the filters took.

        Args:
            rows: the events of the time, latest first.
            limit: how many results there may be.
        """
        matched = len(rows)
        for step in self._steps:
            rows = step(rows)
            if step in self._filters:
                matched = len(rows)
        columns = self._columns or ["@timestamp", "@message"]
        if not self._counts:
            columns = [*dict.fromkeys([*columns, "@ptr"])]
        shown = [
            [
                {"field": name, "value": text(row[name])}
                for name in columns
                if row.get(name) is not None
            ]
            for row in rows[:limit]
        ]
        return shown, matched

    def _read(self) -> None:
        tokens = self._tokens
        commands: dict[str, Callable[[], _Step]] = {
            "fields": lambda: self._fields(adds=True),
            "display": lambda: self._fields(adds=False),
            "filter": self._filter,
            "parse": self._parse,
            "stats": self._stats,
            "sort": self._sort,
            "limit": self._limit,
            "head": self._limit,
            "dedup": self._dedup,
        }
        while True:
            name = tokens.next().text.lower()
            if name in _NOT_HERE:
                raise NotImplementedError(f"the command {name}. It runs: {', '.join(commands)}")
            if name not in commands:
                raise ValueError(f"unexpected symbol found {name or 'the end'!r}: not a command")
            self._steps.append(commands[name]())
            if tokens.peek().kind == "end":
                return
            tokens.expect("|")

    def _named(self, aggregates: list[Aggregate] | None = None) -> tuple[str, Evaluate]:
        """An expression with its name: its alias, or its own text."""
        tokens, words, ahead, depth = self._tokens, [], 0, 0
        while tokens.peek(ahead).kind != "end":
            token = tokens.peek(ahead)
            depth += (token.text == "(") - (token.text == ")")
            if depth <= 0 and (token.text in (",", "|") or token.text.lower() in ("as", "by")):
                break
            words.append(token.text.strip("`"))
            ahead += 1
        evaluate = Expressions(tokens, aggregates).read()
        name = "".join(words)
        if tokens.accept("as"):
            name = self._name()
        return name, evaluate

    def _name(self) -> str:
        token = self._tokens.next()
        if token.kind != "field":
            raise ValueError(f"expected a name, not {token.text or 'the end'!r}")
        return token.text.strip("`")

    def _list(self, aggregates: list[Aggregate] | None = None) -> list[tuple[str, Evaluate]]:
        found = [self._named(aggregates)]
        while self._tokens.accept(","):
            found.append(self._named(aggregates))
        return found

    def _fields(self, adds: bool) -> _Step:
        pairs = self._list()
        names = [name for name, _ in pairs]
        self._columns = [*dict.fromkeys([*(self._columns or [] if adds else []), *names])]

        def step(rows: list[Row]) -> list[Row]:
            return [row | {name: evaluate(row) for name, evaluate in pairs} for row in rows]

        return step

    def _filter(self) -> _Step:
        test = Expressions(self._tokens).read()

        def step(rows: list[Row]) -> list[Row]:
            return [row for row in rows if is_true(test(row))]

        self._filters.append(step)
        return step

    def _parse(self) -> _Step:
        tokens, source = self._tokens, "@message"
        if tokens.peek().kind == "field":
            source = self._name()
        token = tokens.next()
        if token.kind == "regex":
            compiled = regex(token.text)
            names = sorted(compiled.groupindex, key=lambda name: compiled.groupindex[name])
            if not names:
                raise ValueError(f"{token.text} has no named group such as (?<name>...)")
        elif token.kind == "text":
            parts = encodable(unquoted(token.text)).split("*")
            last = "(.*)" if parts[-1] == "" else "(.*?)"
            form = "".join(f"{re.escape(part)}(.*?)" for part in parts[:-2])
            form += f"{re.escape(parts[-2])}{last}{re.escape(parts[-1])}" if parts[1:] else ""
            compiled = re2.compile(f"(?s){form}")
            tokens.expect("as")
            names = [self._name()]
            while tokens.accept(","):
                names.append(self._name())
            if len(names) != len(parts) - 1:
                raise ValueError(f"{token.text} has {len(parts) - 1} *, but {len(names)} names")
        else:
            raise ValueError(f"expected a text or /expression/, not {token.text or 'the end'!r}")

        def parsed(row: Row) -> Row:
            match = compiled.search(encodable(text(row.get(source))))
            if match is None:
                return row
            groups = match.groups() if token.kind == "text" else map(match.group, names)
            return row | dict(zip(names, groups, strict=True))

        return lambda rows: [parsed(row) for row in rows]

    def _stats(self) -> _Step:
        aggregates: list[Aggregate] = []
        pairs = self._list(aggregates)
        by = self._list() if self._tokens.accept("by") else []
        self._columns, self._counts = [name for name, _ in [*by, *pairs]], True

        def step(rows: list[Row]) -> list[Row]:
            groups: dict[tuple[str, ...], tuple[Row, list[Row]]] = {}
            for row in rows:
                keys = {name: evaluate(row) for name, evaluate in by}
                key = tuple(text(value) for value in keys.values())
                groups.setdefault(key, (keys, []))[1].append(row)
            return [_summary(keys, members, aggregates, pairs) for keys, members in groups.values()]

        return step

    def _sort(self) -> _Step:
        orders: list[tuple[Evaluate, bool]] = []
        while True:
            evaluate = self._sorted_by()
            descending = self._tokens.accept("asc", "desc") == "desc"
            orders.append((evaluate, descending))
            if not self._tokens.accept(","):
                break

        def step(rows: list[Row]) -> list[Row]:
            for evaluate, descending in reversed(orders):
                rows = sorted(rows, key=lambda row: order(evaluate(row)), reverse=descending)
            return rows

        return step

    def _sorted_by(self) -> Evaluate:
        """What `sort` names: a column of before, such as `count(*)`, or an expression."""
        for column in self._columns or ():
            words, ahead = "", 0
            while len(words) < len(column) and self._tokens.peek(ahead).kind != "end":
                words += self._tokens.peek(ahead).text.strip("`")
                ahead += 1
            following = self._tokens.peek(ahead)
            if words == column and following.text.lower() in ("asc", "desc", ",", "|", ""):
                for _ in range(ahead):
                    self._tokens.next()
                return operator.methodcaller("get", column)
        return Expressions(self._tokens).read()

    def _limit(self) -> _Step:
        token = self._tokens.next()
        if not token.text.isdecimal() or not 1 <= int(token.text) <= MOST_ROWS:
            raise ValueError(f"limit must be 1 to {MOST_ROWS}, not {token.text or 'nothing'}")
        most = int(token.text)
        return lambda rows: rows[:most]

    def _dedup(self) -> _Step:
        pairs = self._list()

        def step(rows: list[Row]) -> list[Row]:
            seen: dict[tuple[str, ...], Row] = {}
            for row in rows:
                seen.setdefault(tuple(text(evaluate(row)) for _, evaluate in pairs), row)
            return list(seen.values())

        return step


def _summary(
    keys: Row,
    members: list[Row],
    aggregates: Iterable[Aggregate],
    pairs: Iterable[tuple[str, Evaluate]],
) -> Row:
    """The row of one group of a `stats`."""
    cells: Row = {
        each.field: each.run([(each.argument(row), row.get("@timestamp")) for row in members])
        for each in aggregates
    }
    return keys | {name: evaluate(keys | cells) for name, evaluate in pairs}
