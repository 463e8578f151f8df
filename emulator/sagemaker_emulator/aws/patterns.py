"""Regular expressions of requests, matched in bounded time whatever the expression and the text.

RE2 matches in time linear in the text. What RE2 cannot express (looking around, references back)
is matched by Python's `re` in a process of its own, which is killed when it takes too long.
"""

import contextlib
import functools
import json
import logging
import os
import re
import select
import subprocess
import sys
import threading
import time
from typing import Any, Protocol

import re2

SECONDS = 1.0  # for one match in the child
_log = logging.getLogger("emulator")

Groups = tuple[str | None, ...]


class PatternError(ValueError):
    """A text that is no regular expression; the message states why."""


class Matcher(Protocol):
    """A compiled expression."""

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text matches; False where that took too long."""

    def search(self, text: str) -> Groups | None:
        """The first match and its groups; None where there is none, or that took too long."""


@functools.lru_cache(2000)
def compile(pattern: str) -> Matcher:
    """Compile an expression that a client wrote.

    Raises:
        PatternError: It is no regular expression.
    """
    if (linear := _linear(pattern)) is not None:
        return linear
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(str(error) or "it is nested too deeply") from None
    return _Bounded(pattern)


@functools.lru_cache(2000)
def of_service_model(pattern: str) -> Matcher | None:
    """Compile a pattern of a service model, which is Java's.

    Returns:
        None where neither engine can read it; the pattern cannot be checked then.
    """
    # Some have a length after the end of the text, where it means nothing.
    pattern = re.sub(r"\$\{\d+,\d+\}$", "", pattern)
    for java, equivalent in _EQUIVALENT.items():
        pattern = pattern.replace(java, equivalent)
    # RE2 counts to 1000; the shape's own greatest length bounds these too.
    pattern = re.sub(
        r"\{(\d+),(\d+)\}", lambda m: f"{{{m[1]},}}" if int(m[2]) > 1000 else m[0], pattern
    )
    linear = _linear("(?s)" + re.sub(r"\\u([0-9A-Fa-f]{4})", r"\\x{\1}", pattern))
    if linear is not None:
        return linear
    for java, equivalent in _PYTHON_CLASSES.items():
        pattern = pattern.replace(java, equivalent)
    try:
        re.compile(pattern)
    except re.error:
        return None
    return _Bounded(f"(?s:{pattern})")


_EQUIVALENT = {
    # Looking around, said without it.
    r"([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)": "([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)",
    r"([a-zA-Z0-9]([a-zA-Z0-9\-]){0,62})(?<!-)": "([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)",
    r"[0-9A-Za-z\.\-_]*(?<!\.)": r"([0-9A-Za-z.\-_]*[0-9A-Za-z\-_])?",
    r"(?!\s*$).+": r".*\S.*",
    # Java's own: code points beyond 16 bits as pairs, and a class of ASCII.
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\x{10000}-\x{10FFFF}",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"[\p{Print}]": "[ -~]",
    r"\p{Print}": "[ -~]",
    r"\p{ASCII}": r"[\x00-\x7f]",
}
# For `re`, which has no classes of Unicode. Patterns with letters or digits have both, and _.
_PYTHON_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}


def _linear(pattern: str) -> "_Linear | None":
    options = re2.Options()
    options.log_errors = False
    try:
        return _Linear(re2.compile(pattern, options))
    except (re2.error, UnicodeEncodeError):
        return None


class _Linear:
    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def fullmatch(self, text: str) -> bool:
        return self._compiled.fullmatch(encodable(text)) is not None

    def search(self, text: str) -> Groups | None:
        match = self._compiled.search(encodable(text))
        return None if match is None else (match[0], *match.groups())


def encodable(text: str) -> str:
    """The text with each half of a pair of surrogates replaced; RE2 reads UTF-8."""
    return text.encode(errors="replace").decode()


class _Bounded:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def fullmatch(self, text: str) -> bool:
        return _child.match("fullmatch", self._pattern, text) is not None

    def search(self, text: str) -> Groups | None:
        return _child.match("search", self._pattern, text)


_PROGRAM = """
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
for line in sys.stdin:
    how, pattern, text = json.loads(line)
    try:
        match = getattr(re.compile(pattern), how)(text)
    except (MemoryError, RecursionError):
        match = None
    print(json.dumps(match and [match[0], *match.groups()]), flush=True)
"""


class _Child:
    """A process that matches for this one; made at the first match, and again after a kill."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def match(self, how: str, pattern: str, text: str) -> Groups | None:
        """The first match and its groups, or None; None, too, where it took too long."""
        with self._lock:
            try:
                groups = self._ask(json.dumps([how, pattern, text]).encode() + b"\n")
            except (OSError, ValueError, TimeoutError) as error:
                self._end()
                _log.warning("matching %.100r was given up: %s", pattern, error or "too slow")
                return None
        return None if groups is None else tuple(groups)

    def _ask(self, question: bytes) -> list[str | None] | None:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
            self._exchange(b'["search", "", ""]\n', 30)  # the start is not the match's fault
        return self._exchange(question, SECONDS)

    def _exchange(self, question: bytes, seconds: float) -> list[str | None] | None:
        """Raises TimeoutError where there is no response in time, ValueError where it ended."""
        assert self._process is not None and self._process.stdin and self._process.stdout
        incoming, outgoing = self._process.stdout.fileno(), self._process.stdin.fileno()
        os.set_blocking(outgoing, False)
        deadline = time.monotonic() + seconds
        response = b""
        while not response.endswith(b"\n"):
            left = deadline - time.monotonic()
            to_write = [outgoing] if question else []
            readable, writable, _ = select.select([incoming], to_write, [], max(0, left))
            if not readable and not writable and left <= 0:
                raise TimeoutError
            if writable:
                question = question[os.write(outgoing, question) :]
            if readable:
                if not (part := os.read(incoming, 1 << 16)):
                    raise ValueError("the process that matches ended")
                response += part
        groups: list[str | None] | None = json.loads(response)
        return groups

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
            self._process = None


_child = _Child()
