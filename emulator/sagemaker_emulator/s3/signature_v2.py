"""Presigned addresses and forms of Signature Version 2, which boto3 still makes in us-east-1.

"Signing and authenticating REST requests" of the S3 API reference; only in the query and in forms.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import unquote

from sagemaker_emulator.aws.signature import Signature
from sagemaker_emulator.aws.signature_claim import UNSIGNED_PAYLOAD
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.s3.requests import Request
from sagemaker_emulator.s3.routes import is_sub_resource

_ARGUMENTS = ("AWSAccessKeyId", "Signature", "Expires")
_HEADERS = ("content-md5", "content-type")  # in the address they stand for headers
_SIGNED_ARGUMENTS = frozenset(
    (
        *("accelerate", "acl", "cors", "location", "logging", "partNumber", "policy"),
        *("requestPayment", "torrent", "versioning", "versionId", "versions", "website"),
        *("uploads", "uploadId", "delete", "lifecycle", "tagging", "restore", "notification"),
        *("replication", "analytics", "metrics", "inventory", "select", "select-type"),
        *("object-lock", "response-content-type", "response-content-language"),
        *("response-expires", "response-cache-control", "response-content-disposition"),
        "response-content-encoding",
    )
)
_OF_LISTS = ("list-type",)  # what it changes is the form of a listing


def is_presigned(request: Request) -> bool:
    """Whether an address has a signature of this version."""
    return "Signature" in request.query and "authorization" not in request.headers


def verify(
    request: Request,
    raw_path: str,
    query_string: str,
    credentials: Credentials,
    now: datetime,
) -> Signature:
    """Check a presigned address; its arguments that stand for headers become headers.

    Args:
        request: It.
        raw_path: As it came, with the bucket even where the Host header names that.
        query_string: As it came.
        credentials: The key pair of the state.
        now: The current time, with its time zone.

    Raises:
        S3Fault: It is not signed with that pair, or has expired.
    """
    query, headers = request.query, request.headers
    if any(name not in query for name in _ARGUMENTS):
        raise S3Fault(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters",
        )
    key, given, expires = (query.pop(name) for name in _ARGUMENTS)
    for name in [name for name in query if name in _HEADERS or name.startswith("x-amz-")]:
        headers.setdefault(name, query.pop(name))
    amz = sorted(name for name in headers if name.startswith("x-amz-"))
    arguments = ""
    pairs = sorted(
        (name, unquote(value) if equals else None)
        for name, equals, value in (part.partition("=") for part in query_string.split("&"))
        if name in _SIGNED_ARGUMENTS
    )
    if pairs:
        texts = (name if value is None else f"{name}={value}" for name, value in pairs)
        arguments = "?" + "&".join(texts)
    # It signs no other argument, so that anybody could add one that makes it another operation.
    for name in query:
        if is_sub_resource(name) and name not in _SIGNED_ARGUMENTS and name not in _OF_LISTS:
            raise S3Fault(
                "AccessDenied",
                f"Signature Version 2 does not sign the argument {name}; use Version 4",
            )
    lines = (
        request.method,
        *(headers.get(name, "").strip() for name in _HEADERS),
        expires,
        *(f"{name}:{headers[name].strip()}" for name in amz),
    )
    # boto3 signs `/bucket/` for the bucket itself, and sends `/bucket`.
    paths = [raw_path] if request.key else [raw_path, raw_path.rstrip("/") + "/"]
    _check_key(key, credentials)
    _check(["\n".join((*lines, path + arguments)) for path in paths], given, credentials)
    if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
        raise S3Fault("AccessDenied", f"Invalid date (should be seconds since epoch): {expires}")
    if now.timestamp() > int(expires):
        raise S3Fault("AccessDenied", "Request has expired")
    return Signature(UNSIGNED_PAYLOAD, given, "", "", b"", presigned=True)


def check_form(fields: Mapping[str, str], credentials: Credentials) -> None:
    """Check that a form's policy is signed.

    Raises:
        S3Fault: It is not.
    """
    _check_key(fields.get("awsaccesskeyid", ""), credentials)
    _check([fields["policy"]], fields["signature"], credentials)


def _check_key(key: str, credentials: Credentials) -> None:
    if not hmac.compare_digest(key.encode("utf-8", "replace"), credentials.access_key_id.encode()):
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise S3Fault("InvalidAccessKeyId", message, status=403)


def _check(texts: Sequence[str], given: str, credentials: Credentials) -> None:
    """Raise S3Fault unless one of these texts was signed."""
    secret, signature = credentials.secret_access_key.encode(), given.encode("utf-8", "replace")
    digests = [hmac.digest(secret, text.encode("utf-8", "replace"), "sha1") for text in texts]
    if not any(hmac.compare_digest(base64.b64encode(each), signature) for each in digests):
        raise S3Fault("SignatureDoesNotMatch")
