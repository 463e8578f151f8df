"""What a request says of its signature, in its header or, presigned, in its query."""

import re
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256

from sagemaker_emulator.aws.signed_request import SignedRequest

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = sha256(b"").hexdigest()
TIMESTAMP = "%Y%m%dT%H%M%SZ"
SKEW = timedelta(minutes=5)
_LONGEST_EXPIRY = 604_800  # seconds: a week
_PART = re.compile(r"\s*(\w+)\s*=\s*([^,\s]*)\s*")
_CREDENTIAL = re.compile(r"Credential=([^/,\s]*)/\d+/[^/,\s]*/([^/,\s]+)/aws4_request")

# The codes of the query protocol, as the JSON protocols name them.
JSON_CODES = {
    "IncompleteSignature": "IncompleteSignatureException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


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


def claimed(request: SignedRequest) -> tuple[str, str] | None:
    """The access key id and the service that a request says it is signed with, unchecked."""
    match = _CREDENTIAL.search(request.values.get("authorization", ""))
    if match is None and "X-Amz-Credential" in request.query_string:
        match = _CREDENTIAL.search(
            f"Credential={dict(request.arguments).get('X-Amz-Credential', '')}"
        )
    return (match[1], match[2]) if match else None


@dataclass(frozen=True)
class Claim:
    """What a request says of its signature; `expires` in seconds, of a presigned address only."""

    access_key_id: str
    scope: str
    signed_headers: list[str]
    signature: str
    timestamp: str
    payload_hash: str
    expires: int | None = None


def claim_of(request: SignedRequest) -> Claim:
    """What the request says of its signature, in its form only.

    Raises:
        SignatureRefused: It has none, or an incomplete one.
    """
    s3 = request.service == "s3"
    if "authorization" in request.values:
        return _claim_of_header(request, request.values["authorization"], s3)
    if any(name == "X-Amz-Signature" or name == "X-Amz-Algorithm" for name, _ in request.arguments):
        return _claim_of_query(request, s3)
    if s3:
        raise SignatureRefused("AccessDenied", "Access Denied")
    raise SignatureRefused("MissingAuthenticationToken", "Missing Authentication Token")


def _claim_of_header(request: SignedRequest, header: str, s3: bool) -> Claim:
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
        raise malformed(
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
        .strftime(TIMESTAMP)
    )


def _header_payload_hash(request: SignedRequest, s3: bool) -> str:
    if found := request.values.get("x-amz-content-sha256") or (not s3 and request.body_hash):
        return found
    if not s3:
        return EMPTY_SHA256
    raise SignatureRefused(
        "InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400
    )


def _claim_of_query(request: SignedRequest, s3: bool) -> Claim:
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
        _expiry(found.get("X-Amz-Expires", f"{int(SKEW.total_seconds())}")),
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


def malformed(message: str, s3: bool) -> SignatureRefused:
    """What refuses a signature that is not in the form that the service reads."""
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
) -> Claim:
    key, _, scope = credential.partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or not all(parts) or parts[3] != "aws4_request":
        raise malformed(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/aws4_request, got '{credential}'",
            s3,
        )
    return Claim(
        key,
        scope,
        signed_headers.lower().split(";"),
        signature,
        timestamp,
        payload_hash,
        expires,
    )
