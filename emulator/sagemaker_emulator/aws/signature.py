"""Signature Version 4: whether a request was signed with the key pair of the state.

botocore signs requests that it made itself; this reads what came over the wire, and hashes only
the headers that the client names. The rules are those of AWS's reference, "Create a signed AWS API
request".
"""

import functools
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from sagemaker_emulator.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = sha256(b"").hexdigest()
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_SKEW = timedelta(minutes=5)
_S3_SKEW = timedelta(minutes=15)
_LONGEST_EXPIRY = 604_800  # seconds: a week
_PART = re.compile(r"\s*(\w+)\s*=\s*([^,\s]*)\s*")
_SPACES = re.compile("[ \t]+")
_UNRESERVED = "-_.~"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]*)/\d+/[^/,\s]*/([^/,\s]+)/aws4_request")

# The codes of the query protocol, as the JSON protocols name them.
JSON_CODES = {
    "IncompleteSignature": "IncompleteSignatureException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


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


@dataclass(frozen=True)
class Signature:
    """What a valid signature signed.

    Attributes:
        payload_hash: The SHA-256 of the body in hexadecimal, `UNSIGNED-PAYLOAD` or
            `STREAMING-...`. The caller compares it with the body that came.
        signature: In hexadecimal: the seed of S3's signatures of chunks.
        timestamp: When it was signed, as `20261130T011236Z`.
        scope: As `20261130/us-east-1/s3/aws4_request`.
        signing_key: The key of that scope.
        presigned: Whether it was in the query, not in a header.
    """

    payload_hash: str
    signature: str
    timestamp: str
    scope: str
    signing_key: bytes = field(repr=False)
    presigned: bool

    @property
    def service(self) -> str:
        """The service of the scope."""
        return self.scope.split("/")[2]


class SignatureRefused(Exception):
    """A request that was not signed with the key pair of the state.

    Args:
        code: As S3 names it for S3, else as the query protocol does; see `JSON_CODES`.
        message: AWS's.
        status: The HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@functools.lru_cache(maxsize=64)
def signing_key(credentials: Credentials, date: str, region: str, service: str) -> bytes:
    """The key that signs for a day (`20261130`), a region and a service."""
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def claimed(request: SignedRequest) -> tuple[str, str] | None:
    """The access key id and the service that a request says it is signed with, unchecked."""
    match = _CREDENTIAL.search(request.values.get("authorization", ""))
    if match is None and "X-Amz-Credential" in request.query_string:
        match = _CREDENTIAL.search(
            f"Credential={dict(request.arguments).get('X-Amz-Credential', '')}"
        )
    return (match[1], match[2]) if match else None


def verify(request: SignedRequest, credentials: Credentials, now: datetime) -> Signature:
    """Check a request's signature, in its header or, for a presigned address, in its query.

    Args:
        request: As it came.
        credentials: The key pair of the state.
        now: The current time, with its time zone.

    Raises:
        SignatureRefused: It is not signed, not with that pair, for another service, too old, or
            not what was signed.
    """
    s3 = request.service == "s3"
    if "authorization" in request.values:
        claim = _claim_of_header(request, request.values["authorization"], s3)
    elif any(
        name == "X-Amz-Signature" or name == "X-Amz-Algorithm" for name, _ in request.arguments
    ):
        claim = _claim_of_query(request, s3)
    elif s3:
        raise SignatureRefused("AccessDenied", "Access Denied")
    else:
        raise SignatureRefused("MissingAuthenticationToken", "Missing Authentication Token")
    _check_scope(request, claim, credentials, s3)
    _check_headers(request, claim, s3)
    key = signing_key(credentials, *claim.scope.split("/")[:3])
    text = "\n".join((ALGORITHM, claim.timestamp, claim.scope, _canonical_hash(request, claim, s3)))
    expected = hmac.digest(key, text.encode("latin-1", "replace"), "sha256").hex()
    # As bytes: compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "replace")):
        consult = "" if s3 else " Consult the service documentation for details."
        secret = "key" if s3 else "AWS Secret Access Key"
        raise SignatureRefused(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            f"Check your {secret} and signing method.{consult}",
        )
    _check_time(claim, now, s3)
    return Signature(
        claim.payload_hash, expected, claim.timestamp, claim.scope, key, claim.expires is not None
    )


@dataclass(frozen=True)
class _Claim:
    """What a request says of its signature; `expires` in seconds, of a presigned address only."""

    access_key_id: str
    scope: str
    signed_headers: list[str]
    signature: str
    timestamp: str
    payload_hash: str
    expires: int | None = None


def _claim_of_header(request: SignedRequest, header: str, s3: bool) -> _Claim:
    algorithm, _, rest = header.strip().partition(" ")
    if algorithm != ALGORITHM:
        if s3:
            raise SignatureRefused(
                "InvalidRequest",
                "The authorization mechanism you have provided is not supported. "
                f"Please use {ALGORITHM}.",
                400,
            )
        raise SignatureRefused(
            "IncompleteSignature", f"Unsupported AWS 'algorithm'; please use {ALGORITHM}."
        )
    parts = {}
    for text in rest.split(","):
        if match := _PART.fullmatch(text):
            parts[match[1]] = match[2]
    absent = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if absent:
        raise _malformed(
            " ".join(f"Authorization header requires '{name}' parameter." for name in absent), s3
        )
    return _claim(
        parts["Credential"],
        parts["SignedHeaders"],
        parts["Signature"],
        _header_timestamp(request, s3),
        _header_payload_hash(request, s3),
        None,
        s3,
    )


def _header_timestamp(request: SignedRequest, s3: bool) -> str:
    if date := request.values.get("x-amz-date"):
        return date
    try:
        moment = parsedate_to_datetime(request.values.get("date", ""))
    except ValueError:
        if s3:
            raise SignatureRefused(
                "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"
            ) from None
        raise SignatureRefused(
            "IncompleteSignature",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ) from None
    return (
        (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        .astimezone(UTC)
        .strftime(_TIMESTAMP)
    )


def _header_payload_hash(request: SignedRequest, s3: bool) -> str:
    if found := request.values.get("x-amz-content-sha256") or (not s3 and request.body_hash):
        return found
    if not s3:
        return EMPTY_SHA256
    raise SignatureRefused(
        "InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400
    )


def _claim_of_query(request: SignedRequest, s3: bool) -> _Claim:
    found = dict(request.arguments)
    names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    absent = [name for name in names if not found.get(f"X-Amz-{name}")]
    if not s3 and absent == ["Expires"]:
        absent = []  # only S3 insists
    if absent and s3:
        raise _query_fault(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, "
            "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
            "X-Amz-Expires parameters."
        )
    if absent:
        raise SignatureRefused(
            "IncompleteSignature",
            " ".join(
                f"AWS query-string parameters must include 'X-Amz-{name}'." for name in absent
            ),
        )
    if found["X-Amz-Algorithm"] != ALGORITHM:
        if s3:
            raise _query_fault(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
        raise SignatureRefused(
            "IncompleteSignature", f"Unsupported AWS 'algorithm'; please use {ALGORITHM}."
        )
    payload_hash = request.values.get("x-amz-content-sha256") or found.get("X-Amz-Content-Sha256")
    if payload_hash is None:
        payload_hash = UNSIGNED_PAYLOAD if s3 else request.body_hash or EMPTY_SHA256
    return _claim(
        found["X-Amz-Credential"],
        found["X-Amz-SignedHeaders"],
        found["X-Amz-Signature"],
        found["X-Amz-Date"],
        payload_hash,
        _expiry(found.get("X-Amz-Expires", f"{int(_SKEW.total_seconds())}")),
        s3,
    )


def _expiry(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        negative = text.startswith("-") and text[1:].isdigit()
        raise _query_fault(
            "X-Amz-Expires must be non-negative" if negative else "X-Amz-Expires should be a number"
        )
    if int(text) > _LONGEST_EXPIRY:
        raise _query_fault(
            "X-Amz-Expires must be less than a week (in seconds); "
            f"that is, the given X-Amz-Expires must be less than {_LONGEST_EXPIRY} seconds"
        )
    return int(text)


def _query_fault(message: str) -> SignatureRefused:
    return SignatureRefused("AuthorizationQueryParametersError", message, 400)


def _malformed(message: str, s3: bool) -> SignatureRefused:
    if s3:
        return SignatureRefused(
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; {message}",
            400,
        )
    return SignatureRefused("IncompleteSignature", message)


def _claim(
    credential: str,
    signed_headers: str,
    signature: str,
    timestamp: str,
    payload_hash: str,
    expires: int | None,
    s3: bool,
) -> _Claim:
    key, _, scope = credential.partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or not all(parts) or parts[3] != "aws4_request":
        raise _malformed(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/aws4_request, got '{credential}'",
            s3,
        )
    return _Claim(
        key,
        scope,
        signed_headers.lower().split(";"),
        signature,
        timestamp,
        payload_hash,
        expires,
    )


def _check_scope(request: SignedRequest, claim: _Claim, credentials: Credentials, s3: bool) -> None:
    if not hmac.compare_digest(
        claim.access_key_id.encode("utf-8", "replace"), credentials.access_key_id.encode()
    ):
        if s3:
            raise SignatureRefused(
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        raise SignatureRefused(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
    date, _, service, _ = claim.scope.split("/")
    if request.service is not None and service != request.service:
        if s3:
            raise _malformed(f'incorrect service "{service}". This endpoint belongs to "s3".', s3)
        raise SignatureRefused(
            "SignatureDoesNotMatch",
            f"Credential should be scoped to correct service: '{request.service}'.",
        )
    if date != claim.timestamp[:8]:
        raise SignatureRefused(
            "SignatureDoesNotMatch",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{date}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'.",
        )


def _check_headers(request: SignedRequest, claim: _Claim, s3: bool) -> None:
    """Every header that changes what a request does must be among those that were signed."""
    signed = set(claim.signed_headers)
    absent = [name for name in request.values if name.startswith("x-amz-") and name not in signed]
    if "host" not in signed:
        absent.append("host")
    if claim.expires is None and "x-amz-date" not in request.values and "date" not in signed:
        absent.append("date")
    # What a presigned address leaves open may come unsigned, as the client cannot sign again.
    if claim.expires is not None:
        absent = [name for name in absent if name != "x-amz-content-sha256"]
    if not absent:
        return
    if s3:
        raise SignatureRefused(
            "AccessDenied",
            f"There were headers present in the request which were not signed: {', '.join(absent)}",
        )
    raise SignatureRefused(
        "SignatureDoesNotMatch",
        " ".join(f"'{name}' must be a 'SignedHeader' in the AWS Authorization." for name in absent),
    )


def _canonical_hash(request: SignedRequest, claim: _Claim, s3: bool) -> str:
    values = request.values
    path = _canonical_path(request.raw_path, s3)
    arguments = sorted(
        (
            quote(name, _UNRESERVED, errors="surrogateescape"),
            quote(value, _UNRESERVED, errors="surrogateescape"),
        )
        for name, value in request.arguments
        if not (claim.expires is not None and name == "X-Amz-Signature")
    )
    canonical = "\n".join(
        (
            request.method,
            path or "/",
            "&".join(f"{name}={value}" for name, value in arguments),
            *(f"{name}:{_trimmed(values.get(name, ''))}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            claim.payload_hash,
        )
    )
    return sha256(canonical.encode("latin-1", "replace")).hexdigest()


def _trimmed(value: str) -> str:
    """A header's value with single spaces; a byte of a UTF-8 letter (À, à, …) is no space."""
    return " ".join(value.split()) if value.isascii() else _SPACES.sub(" ", value).strip(" ")


def _canonical_path(raw_path: str, s3: bool) -> str:
    if s3:
        return quote_from_bytes(unquote_to_bytes(raw_path.encode("latin-1")), "/" + _UNRESERVED)
    # Here, as the S3 process does without botocore: it takes a third of its start.
    from botocore.utils import normalize_url_path

    return quote(normalize_url_path(raw_path), safe="/~", encoding="latin-1")


def _check_time(claim: _Claim, now: datetime, s3: bool) -> None:
    try:
        signed = datetime.strptime(claim.timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefused(
            "AccessDenied" if s3 else "IncompleteSignature",
            f"Date must be in ISO-8601 'basic format'. Got '{claim.timestamp}'.",
        ) from None
    skew = _S3_SKEW if s3 else _SKEW
    lasts = skew if claim.expires is None else timedelta(seconds=claim.expires)
    if signed - skew <= now <= signed + lasts:
        return
    if s3 and claim.expires is None:
        raise SignatureRefused(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
    if s3:
        expired = now > signed
        raise SignatureRefused(
            "AccessDenied", "Request has expired" if expired else "Request is not yet valid"
        )
    current = now.strftime(_TIMESTAMP)
    if now > signed:
        limit = (now - lasts).strftime(_TIMESTAMP)
        message = (
            f"Signature expired: {claim.timestamp} is now earlier than {limit} "
            f"({current} - {lasts.total_seconds() / 60:g} min.)"
        )
    else:
        limit = (now + skew).strftime(_TIMESTAMP)
        message = (
            f"Signature not yet current: {claim.timestamp} is still later than {limit} "
            f"({current} + {skew.total_seconds() / 60:g} min.)"
        )
    raise SignatureRefused("SignatureDoesNotMatch", message)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ").encode("latin-1", "replace")).decode(
        "utf-8", "surrogateescape"
    )
