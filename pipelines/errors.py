"""Errors for the person at the keyboard: shown as one message, never as a traceback."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake that the person can correct; the message explains what is wrong and what to do."""


def closest(word: str, allowed: Iterable[str]) -> str:
    """The end of a sentence: `; did you mean X?` when `word` looks like an allowed one, or `.`"""
    names = {name.casefold(): name for name in allowed}
    similar = difflib.get_close_matches(word.casefold(), list(names), n=1)
    return f"; did you mean {names[similar[0]]}?" if similar else "."
