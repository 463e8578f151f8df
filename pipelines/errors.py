"""What a person did wrong, or must do next: shown as one message, never as a traceback."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the person at the keyboard can put right; the message says what and how."""


def closest(word: str, allowed: Iterable[str]) -> str:
    """The end of a sentence: `; did you mean X?` when `word` looks like an allowed one, or `.`"""
    names = {name.casefold(): name for name in allowed}
    found = difflib.get_close_matches(word.casefold(), list(names), n=1)
    return f"; did you mean {names[found[0]]}?" if found else "."
