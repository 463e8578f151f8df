"""Tokens of patterns and queries, and conditions joined by `&&`, `||` and parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")
Test = Callable[[_T], bool]
_DEEPEST = 50


@dataclass(frozen=True)
class Token:
    """A word of a pattern or query.

    Attributes:
        kind: the group of the expression that it matched, such as `text`.
        text: as it was written.
    """

    kind: str
    text: str


class Tokens:
    """The tokens of a text, one after the other.

    Args:
        text: what they are of.
        form: an expression whose named groups are the kinds of tokens; a group `space` is left out.

    Raises:
        ValueError: A part of the text is no token.
    """

    def __init__(self, text: str, form: re.Pattern[str]) -> None:
        self._tokens: list[Token] = []
        self._next = 0
        self._depth = 0
        begin = 0
        while begin < len(text):
            match = form.match(text, begin)
            if match is None or match.end() == begin:
                raise ValueError(f"unexpected {text[begin : begin + 20]!r}")
            if match.lastgroup != "space":
                self._tokens.append(Token(str(match.lastgroup), match[0]))
            begin = match.end()

    def peek(self, ahead: int = 0) -> Token:
        """A coming token, the next by default; one of the kind `end` behind the last."""
        at = self._next + ahead
        return self._tokens[at] if at < len(self._tokens) else Token("end", "")

    def next(self) -> Token:
        """The next token."""
        token = self.peek()
        self._next += 1
        return token

    def accept(self, *texts: str) -> str:
        """The next token in lower case, taken if it is one of these; "" if it is not."""
        text = self.peek().text.lower()
        if text not in texts or self.peek().kind in ("text", "end"):
            return ""
        self._next += 1
        return text

    def expect(self, *texts: str) -> str:
        """Take the next token.

        Raises:
            ValueError: It is none of these.
        """
        if text := self.accept(*texts):
            return text
        raise ValueError(f"expected {' or '.join(texts)}, not {self.peek().text or 'the end'!r}")

    def enter(self) -> None:
        """Go one level deeper.

        Raises:
            ValueError: That is too deep.
        """
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"nested more than {_DEEPEST} levels deep")

    def leave(self) -> None:
        """Come back from one level."""
        self._depth -= 1


def condition(tokens: Tokens, leaf: Callable[[Tokens], Test[_T]]) -> Test[_T]:
    """Read conditions that are joined; `&&` binds more closely than `||`.

    Args:
        tokens: what they are read from.
        leaf: reads one condition.

    Raises:
        ValueError: They are malformed.
    """

    def single() -> Test[_T]:
        if tokens.accept("("):
            tokens.enter()
            inner = alternatives()
            tokens.leave()
            tokens.expect(")")
            return inner
        return leaf(tokens)

    def together() -> Test[_T]:
        tests = [single()]
        while tokens.accept("&&"):
            tests.append(single())
        return tests[0] if len(tests) == 1 else lambda item: all(test(item) for test in tests)

    def alternatives() -> Test[_T]:
        tests = [together()]
        while tokens.accept("||"):
            tests.append(together())
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    return alternatives()
