"""Signature Version 4: whether a request was signed with the key pair of the state.

botocore signs requests that it made itself; this reads what came over the wire, and hashes only
the headers that the client names. The rules are those of AWS's reference, "Create a signed AWS API
request".
"""

import functools
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from sagemaker_emulator.aws.signature_claim import (
    ALGORITHM,
    SKEW,
    TIMESTAMP,
    Claim,
    SignatureRefused,
    claim_of,
    malformed,
)
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.credentials import Credentials

_S3_SKEW = timedelta(minutes=15)
_SPACES = re.compile("[ \t]+")
_UNRESERVED = "-_.~"


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


@functools.lru_cache(maxsize=64)
def signing_key(credentials: Credentials, date: str, region: str, service: str) -> bytes:
    """The key that signs for a day (`20261130`), a region and a service."""
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


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
    claim = claim_of(request)
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


def _check_scope(request: SignedRequest, claim: Claim, credentials: Credentials, s3: bool) -> None:
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
            raise malformed(f'incorrect service "{service}". This endpoint belongs to "s3".', s3)
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


def _check_headers(request: SignedRequest, claim: Claim, s3: bool) -> None:
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


def _canonical_hash(request: SignedRequest, claim: Claim, s3: bool) -> str:
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


def _check_time(claim: Claim, now: datetime, s3: bool) -> None:
    try:
        signed = datetime.strptime(claim.timestamp, TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefused(
            "AccessDenied" if s3 else "IncompleteSignature",
            f"Date must be in ISO-8601 'basic format'. Got '{claim.timestamp}'.",
        ) from None
    skew = _S3_SKEW if s3 else SKEW
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
    current = now.strftime(TIMESTAMP)
    if now > signed:
        limit = (now - lasts).strftime(TIMESTAMP)
        message = (
            f"Signature expired: {claim.timestamp} is now earlier than {limit} "
            f"({current} - {lasts.total_seconds() / 60:g} min.)"
        )
    else:
        limit = (now + skew).strftime(TIMESTAMP)
        message = (
            f"Signature not yet current: {claim.timestamp} is still later than {limit} "
            f"({current} + {skew.total_seconds() / 60:g} min.)"
        )
    raise SignatureRefused("SignatureDoesNotMatch", message)
