"""Who may use the API: whether a request came to this server, from no web page, and with its key.

A request that is refused here has not been read but for its head.
"""

import hmac
import re
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from sagemaker_emulator.aws import protocol, signature, signature_claim
from sagemaker_emulator.aws.error_response import Protocol
from sagemaker_emulator.aws.signature_claim import SignatureRefused
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.endpoints.invoke import MAX_BODY

# A request line and headers; AWS's own limits are lower, but differ from service to service.
LONGEST_HEAD = 64 * 1024
MOST_HEADERS = 200
_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?", re.IGNORECASE)
_MIB = 1 << 20
# AWS counts the whole request: 50 MB of zip are 70,167,211 bytes with base64 and the rest.
_FUNCTION_CODE = re.compile(r"/2015-03-31/functions(/[^/]+/code)?/?")
_FUNCTION_CODE_LIMIT = 70_167_211
# Of requests to Lambda but for code, and about what the others take.
_LIMITS = {"lambda": 6_291_556, "sagemaker": 6 * _MIB, "events": 2 * _MIB, "logs": 8 * _MIB}
_OTHER_LIMIT = 25 * _MIB


def check_origin(request: SignedRequest, port: int) -> None:
    """Refuse what a browser sends for a page of another origin, whatever name the page has.

    Raises:
        ApiError: The Host is not this server's (421), or the request is of another origin (403).
    """
    host = request.values.get("host", "")
    named = _HOST.fullmatch(host)
    if named is None or int(named[1] or 80) != port:
        raise ApiError(
            "MisdirectedRequest", f"this server is 127.0.0.1:{port}, not {host[:200]!r}", 421
        )
    origin = request.values.get("origin")
    site = request.values.get("sec-fetch-site", "none")
    if (origin is not None and origin.lower() != f"http://{host.lower()}") or site not in (
        "none",
        "same-origin",
    ):
        raise ApiError(
            "AccessDeniedException", "requests of web pages of another origin are refused", 403
        )


def check_head(request: SignedRequest) -> None:
    """Bound a request's head.

    Raises:
        ApiError: It is too long, or does not name a path.
    """
    size = sum(len(name) + len(value) for name, value in request.headers)
    size += len(request.raw_path) + len(request.query_string)
    if size > LONGEST_HEAD or len(request.headers) > MOST_HEADERS:
        raise ApiError(
            "RequestHeaderSectionTooLarge",
            f"The request line and headers have {size} bytes in {len(request.headers)} headers; "
            f"the maximum is {LONGEST_HEAD} in {MOST_HEADERS}.",
            431,
        )
    if not request.raw_path.startswith("/"):
        raise ApiError("InvalidRequest", "the request does not name a path", 400)


def check_key(request: SignedRequest, credentials: Credentials, words: Protocol) -> None:
    """Refuse a request that does not even name the state's key, before its body is read.

    Raises:
        ApiError: As AWS refuses it.
    """
    claimed = signature_claim.claimed(request)
    if claimed is None or not hmac.compare_digest(
        claimed[0].encode("utf-8", "replace"), credentials.access_key_id.encode()
    ):
        check_signature(request, None, credentials, b"", words)


def check_signature(
    request: SignedRequest,
    service: str | None,
    credentials: Credentials,
    body: bytes,
    words: Protocol,
) -> None:
    """Check that a request was signed with the state's key, for a service, with this body.

    Args:
        request: As it came.
        service: What it must be signed for; None if any.
        credentials: The state's.
        body: As it came.
        words: The protocol in which a refusal is worded.

    Raises:
        ApiError: As AWS refuses it.
    """
    found = sha256(body).hexdigest()
    try:
        signed = signature.verify(
            replace(request, service=service, body_hash=found), credentials, datetime.now(UTC)
        )
        if signed.payload_hash != found:
            raise SignatureRefused(
                "SignatureDoesNotMatch",
                "The value of 'x-amz-content-sha256' is not the SHA-256 of the body.",
            )
    except SignatureRefused as refused:
        codes = signature_claim.JSON_CODES if words in ("json", "cbor") else {}
        code = codes.get(refused.code, refused.code)
        raise ApiError(code, refused.message, refused.status) from None


def body_limit(request: SignedRequest, service: str | None) -> int:
    """How many bytes the body of a request may have."""
    if service == "lambda" and _FUNCTION_CODE.fullmatch(request.raw_path):
        return _FUNCTION_CODE_LIMIT
    if service == "sagemaker" and protocol.invoked_endpoint(request.method, request.raw_path):
        return MAX_BODY
    return _LIMITS.get(service or "", _OTHER_LIMIT)


def too_large(request: SignedRequest, service: str | None) -> ApiError:
    """The refusal of a body that has more bytes; SageMaker Runtime's has no code but its status."""
    limit = body_limit(request, service)
    if service == "sagemaker" and protocol.invoked_endpoint(request.method, request.raw_path):
        return ApiError("413", f"HTTP content length exceeded {limit} bytes.", 413)
    return ApiError(
        "RequestEntityTooLargeException", f"Request must be smaller than {limit} bytes.", 413
    )
