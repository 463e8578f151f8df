"""A request as it came over the wire, as its signature covers it."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came over the wire.

    Attributes:
        method: The HTTP method.
        raw_path: The path, still percent-encoded, without the query.
        query_string: What follows the `?`, still percent-encoded.
        headers: (name, value) in any case, decoded as Latin-1; a name may occur more than once.
        service: What it must be signed for, as in the scope (`s3`, `sagemaker`); None if any.
        body_hash: The SHA-256 of the body in hexadecimal, for a request that does not carry one
            in `x-amz-content-sha256`. S3's always do.
    """

    method: str
    raw_path: str
    query_string: str
    headers: Sequence[tuple[str, str]]
    service: str | None
    body_hash: str | None = None

    @functools.cached_property
    def values(self) -> dict[str, str]:
        """Each header by its lower-case name; several of one name joined by commas."""
        joined: dict[str, str] = {}
        for name, value in self.headers:
            name = name.lower()
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        return joined

    @functools.cached_property
    def arguments(self) -> list[tuple[str, str]]:
        """The query's (name, value), decoded; what is no UTF-8 is kept as surrogates."""
        return [
            (_decoded(name), _decoded(value))
            for name, _, value in (pair.partition("=") for pair in self.query_string.split("&"))
            if name or value
        ]


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ").encode("latin-1", "replace")).decode(
        "utf-8", "surrogateescape"
    )
