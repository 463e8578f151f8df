"""The plain form of a filter pattern: words, phrases and one regular expression."""

import re
from collections.abc import Callable

from sagemaker_emulator.services.logs.patterns import values

_TERM = re.compile(r'\s*([-?]?)("(?:\\.|[^"\\])*"|%[^%]*%|[^\s"]+)(?=\s|$)')


class Terms:
    """Terms that must all be in a message, but for `-term`, which must not be, and `?term`.

    Of the terms with `?` one must be in it; beside others AWS ignores them.

    Raises:
        ValueError: The pattern is malformed.
    """

    def __init__(self, text: str) -> None:
        text, begin = text.rstrip(), 0
        signed: list[tuple[str, Callable[[str], bool]]] = []
        while begin < len(text):
            match = _TERM.match(text, begin)
            if match is None:
                raise ValueError(f"unexpected {text[begin : begin + 20].strip()!r}")
            signed.append((match[1], _test(match[2])))
            begin = match.end()
        self._all = [test for sign, test in signed if not sign]
        self._none = [test for sign, test in signed if sign == "-"]
        others = self._all or self._none
        self._any = [] if others else [test for sign, test in signed if sign == "?"]

    def values(self, message: str) -> dict[str, str] | None:
        """What the pattern takes from a message, which is nothing; None where it has no match."""
        matching = (
            all(test(message) for test in self._all)
            and not any(test(message) for test in self._none)
            and (not self._any or any(test(message) for test in self._any))
        )
        return {} if matching else None


def _test(term: str) -> Callable[[str], bool]:
    if len(term) > 1 and term[0] == term[-1] == "%":
        return values.expression(term)
    phrase = values.unquoted(term) if term.startswith('"') else term
    return lambda message: phrase in message
