"""The JSON form of a filter pattern: `{ $.level = "ERROR" && $.latency > 100 }`."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.services.logs.patterns import values
from sagemaker_emulator.services.logs.patterns.boolean import Test, Token, Tokens, condition

_STEP = r"""\.[\w*-]+ | \.?\[\s*(?:\d+|\*|'[^']*'|"[^"]*")\s*\]"""
_FORM = re.compile(
    rf"""(?P<space>\s+) | (?P<selector>\$(?:{_STEP})+) | (?P<text>"(?:\\.|[^"\\])*")
    | (?P<regex>%[^%]*%) | (?P<sign>!=|<=|>=|=|<|>) | (?P<mark>&&|\|\||[()])
    | (?P<word>[^\s()=<>!&|"%$]+)""",
    re.VERBOSE,
)
_STEPS = re.compile(_STEP, re.VERBOSE)
_IS: dict[str, Any] = {"null": None, "true": True, "false": False}


class JsonForm:
    """A condition on the members of messages that are JSON objects.

    A comparison, `!=` too, holds only where the member is there; `[*]` and `.*` are any of them.

    Raises:
        ValueError: The pattern is malformed.
    """

    def __init__(self, text: str) -> None:
        if not text.endswith("}"):
            raise ValueError("a pattern that begins with { must end with }")
        self._selectors: list[str] = []
        tokens = Tokens(text[1:-1], _FORM)
        self._test: Test[Any] = condition(tokens, self._leaf)
        if tokens.peek().kind != "end":
            raise ValueError(f"unexpected {tokens.peek().text!r}")

    def values(self, message: str) -> dict[str, str] | None:
        """The members that the pattern names, by their selectors; None where it has no match."""
        if not message.lstrip().startswith("{"):
            return None
        try:
            document = json_text.loads(message)
        except ValueError:
            return None
        if not isinstance(document, dict) or not self._test(document):
            return None
        found = {each: next(select(each)(document), None) for each in self._selectors}
        return {
            each: value if isinstance(value, str) else json.dumps(value)
            for each, value in found.items()
            if value is not None
        }

    def _leaf(self, tokens: Tokens) -> Test[Any]:
        token = tokens.next()
        if token.kind != "selector":
            raise ValueError(
                f"expected a selector such as $.level, not {token.text or 'the end'!r}"
            )
        self._selectors.append(token.text)
        selected = select(token.text)
        if tokens.accept("not"):
            tokens.expect("exists")
            return lambda document: next(selected(document), _NOTHING) is _NOTHING
        if tokens.accept("exists"):
            return lambda document: next(selected(document), _NOTHING) is not _NOTHING
        if tokens.accept("is"):
            wanted = _IS[tokens.expect(*_IS)]
            return lambda document: any(value is wanted for value in selected(document))
        sign = tokens.expect("=", "!=", "<", "<=", ">", ">=")
        test = values.comparison(sign, _value(tokens))
        return lambda document: any(
            test(value) for value in selected(document) if isinstance(value, str | int | float)
        )


_NOTHING = object()


def _value(tokens: Tokens) -> Token:
    token = tokens.next()
    if token.kind not in ("text", "regex", "word"):
        raise ValueError(f"expected a value to compare with, not {token.text or 'the end'!r}")
    return token


def select(selector: str) -> Callable[[Any], Iterator[Any]]:
    """A function that yields what a selector names in a document.

    Args:
        selector: such as `$.a.b[0]`, `$.a[*].b` or `$.['a.b']`.
    """
    steps = [step.strip(".").strip("[] ").strip("'\"") for step in _STEPS.findall(selector)]

    def selected(document: Any) -> Iterator[Any]:
        found = [document]
        for step in steps:
            found = [item for each in found for item in _below(each, step)]
        yield from found

    return selected


def _below(value: Any, step: str) -> list[Any]:
    if isinstance(value, dict):
        if step in value:
            return [value[step]]
        return list(value.values()) if step == "*" else []
    if isinstance(value, list):
        if step == "*":
            return value
        return value[int(step) : int(step) + 1] if step.isdecimal() else []
    return []
