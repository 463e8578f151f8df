"""A request of S3 and its response, as the operations see them."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.storage.object_files import BUCKET_NAME

ACCOUNT = "123456789012"
REGION = "us-east-1"
_OWN_NAMES = frozenset(("127.0.0.1", "localhost", "[::1]", "s3.localhost"))
_HOST = re.compile(r"(\[::1\]|[^:\[\]]+)(?::(\d{1,5}))?")
_VIRTUAL = re.compile(r"(.+?)(?:\.s3(?:[.-][a-z0-9-]+)?)?\.localhost")
_MANY = 200  # arguments of a query


@dataclass
class Received:
    """A body that has come whole: in memory if it is small, else in a file of its own.

    Attributes:
        size: In bytes.
        data: The body, or None.
        path: Its file, or None.
        digests: By algorithm, as in `checksums`.
        checksums: What the client gave of the checksums, verified, in base64.
        fields: Of a form.
    """

    size: int = 0
    data: bytes | None = b""
    path: Path | None = None
    digests: dict[str, bytes] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    """One request.

    Attributes:
        method: The HTTP method.
        bucket: The name of the bucket, or "".
        key: The object's key, or "".
        query: Decoded; of several of one name the first.
        headers: By lower-case name, with the signed `x-amz-` arguments of a presigned address.
        operation: The name of the operation.
        body: What came.
    """

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    operation: str = ""
    body: Received = field(default_factory=Received)

    @property
    def resource(self) -> str:
        """As faults name it."""
        return f"/{self.bucket}/{self.key}" if self.bucket else "/"


@dataclass
class Response:
    """What is sent: a body, or `length` bytes of an open file from `offset` on."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: int | None = None
    offset: int = 0
    length: int = 0


def xml_response(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """A response with an XML document."""
    return Response(200, {"content-type": "application/xml", **(headers or {})}, body)


def new_id() -> str:
    """The id of a request, as S3's look."""
    return secrets.token_hex(8).upper()


def bucket_of_host(host: str, port: int) -> str:
    """The bucket that a Host header names (`bucket.s3.localhost:5581`), or "".

    Raises:
        S3Fault: It is not a name of this machine, or has another port: a web page whose name was
            pointed at this machine must not reach it.
    """
    match = _HOST.fullmatch(host.lower())
    if match and (match[2] is None or int(match[2]) == port):
        if match[1] in _OWN_NAMES:
            return ""
        virtual = _VIRTUAL.fullmatch(match[1])
        if virtual and BUCKET_NAME.fullmatch(virtual[1]):
            return virtual[1]
    raise S3Fault("AccessDenied", "The Host header does not name this server")


def split_path(raw_path: str, bucket: str) -> tuple[str, str]:
    """The bucket and the key of a path as it came over the wire.

    Args:
        raw_path: Still percent-encoded.
        bucket: The one that the Host header named, or "".

    Raises:
        S3Fault: It is not UTF-8.
    """
    path = _decode(raw_path.removeprefix("/"))
    if bucket:
        return bucket, path
    bucket, _, key = path.partition("/")
    return bucket, key


def split_query(query: str) -> dict[str, str]:
    """A query as it came over the wire, decoded.

    Raises:
        S3Fault: It is not UTF-8, or has far too many arguments.
    """
    if not query:
        return {}
    pairs = query.split("&")
    if len(pairs) > _MANY:
        raise S3Fault("InvalidURI")
    arguments: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name:
            arguments.setdefault(_decode(name.replace("+", " ")), _decode(value.replace("+", " ")))
    return arguments


def _decode(text: str) -> str:
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise S3Fault("InvalidURI") from None


def integer(text: str, name: str, least: int = 0, most: int = 2**31 - 1) -> int:
    """A number in the query or a header.

    Raises:
        S3Fault: It is no number, or out of bounds.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise S3Fault(
            "InvalidArgument",
            f"Provided {name} not an integer or within integer range",
            ArgumentName=name,
            ArgumentValue=text,
        )
    if not least <= int(text) <= most:
        raise S3Fault(
            "InvalidArgument",
            f"Argument {name} must be an integer between {least} and {most}",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return int(text)
