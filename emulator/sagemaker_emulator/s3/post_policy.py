"""PostObject: a browser's form that uploads a file, permitted by a signed policy.

"Browser-based uploads using POST (AWS signature version 4)" of the S3 API reference.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.signature import signing_key
from sagemaker_emulator.aws.signature_claim import ALGORITHM
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.s3 import checksums, documents, signature_v2
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault, invalid_argument, not_implemented
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.objects import write
from sagemaker_emulator.s3.requests import Received, Request, Response
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.tagging import tags_of_document

_SIGNATURE = "x-amz-signature"
# Fields that a policy need not name.
_FREE = {"policy", _SIGNATURE, "file", "awsaccesskeyid", "signature"}
_MISSING = (
    "Bucket POST must contain a field named '{}'.  If it is specified, please check the order of "
    "the fields."
)
_FILE_NAME = "${filename}"
# Fields that become headers of the write.
_HEADERS = {
    *("cache-control", "content-type", "content-disposition", "content-encoding", "expires"),
    *("x-amz-storage-class", "x-amz-website-redirect-location"),
    *("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"),
    "x-amz-server-side-encryption-bucket-key-enabled",
}
_META = "x-amz-meta-"
# Fields that something else acts on. Others are refused if they could ask for something of S3.
_ACTED_ON = {
    *("x-amz-algorithm", "x-amz-credential", "x-amz-date", _SIGNATURE, "x-amz-security-token"),
    *("x-amz-checksum-algorithm", *(checksums.HEADER + name for name in checksums.ALGORITHMS)),
}
_ASKING = ("x-amz-", "content-md5", "content-language", "if-")


def check_form(fields: Mapping[str, str], credentials: Credentials, now: datetime) -> None:
    """Check that a form's policy is signed and still valid.

    Raises:
        S3Fault: It is not.
    """
    if "policy" not in fields:
        raise S3Fault("AccessDenied")
    if "signature" in fields:
        signature_v2.check_form(fields, credentials)
        return
    for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-date", _SIGNATURE):
        if name not in fields:
            message = _MISSING.format(name)
            raise invalid_argument(message, name, "")
    if fields["x-amz-algorithm"] != ALGORITHM:
        message = f'X-Amz-Algorithm only supports "{ALGORITHM}"'
        raise invalid_argument(message, "x-amz-algorithm", fields["x-amz-algorithm"])
    key, _, scope = fields["x-amz-credential"].partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or parts[2:] != ["s3", "aws4_request"] or not all(parts):
        message = (
            'The Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request".'
        )
        raise invalid_argument(message, "x-amz-credential", fields["x-amz-credential"])
    if not hmac.compare_digest(key.encode(), credentials.access_key_id.encode()):
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise S3Fault("InvalidAccessKeyId", message, status=403)
    secret = signing_key(credentials, *parts[:3])
    expected = hmac.digest(secret, fields["policy"].encode(), "sha256").hex()
    if not hmac.compare_digest(expected.encode(), fields[_SIGNATURE].encode()):
        raise S3Fault("SignatureDoesNotMatch")
    try:
        signed = datetime.strptime(fields["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        message = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        raise invalid_argument(message, "x-amz-date", fields["x-amz-date"]) from None
    if not now - timedelta(days=7) <= signed <= now + timedelta(minutes=15):
        raise S3Fault("AccessDenied", "Invalid according to Policy: Policy expired.")


def check_policy(fields: Mapping[str, str], bucket: str, size: int, now: datetime) -> None:
    """Check a form against its policy.

    Args:
        fields: By lower-case name, with `key` as it will be.
        bucket: The bucket that the form is sent to.
        size: Of the file.
        now: The current time.

    Raises:
        S3Fault: The policy is not a policy, has expired, or does not permit the form.
    """
    policy = _policy(fields["policy"])
    try:
        expiration = datetime.fromisoformat(str(policy["expiration"]))
        expiration = expiration if expiration.tzinfo else expiration.replace(tzinfo=UTC)
        conditions = policy["conditions"]
    except (KeyError, ValueError):
        conditions = None
    if not isinstance(conditions, list):
        raise S3Fault("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.")
    if expiration < now:
        raise S3Fault("AccessDenied", "Invalid according to Policy: Policy expired.")
    values = {**fields, "bucket": bucket}
    named: set[str] = {"bucket"}
    for condition in conditions:
        for operator, name, value in _simple(condition):
            if operator == "content-length-range":
                _check_size(name, value, size)
                continue
            named.add(name)
            given = values.get(name, "")
            wanted = str(value)
            holds = given.startswith(wanted) if operator == "starts-with" else given == wanted
            if not holds:
                text = json.dumps(condition)
                raise S3Fault(
                    "AccessDenied",
                    f"Invalid according to Policy: Policy Condition failed: {text}",
                )
    for name in fields:
        if name not in named and name not in _FREE and not name.startswith("x-ignore-"):
            raise S3Fault(
                "AccessDenied", f"Invalid according to Policy: Extra input fields: {name}"
            )


def _policy(text: str) -> dict[str, object]:
    try:
        policy = json_text.loads(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        policy = None
    if not isinstance(policy, dict):
        raise S3Fault("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.")
    return policy


def _simple(condition: object) -> list[tuple[str, str, object]]:
    """A condition as (operator, field, value); content-length-range as (that, least, most)."""
    if isinstance(condition, dict):
        return [("eq", str(name).lower(), value) for name, value in condition.items()]
    if isinstance(condition, list) and len(condition) == 3:
        operator = str(condition[0]).lower()
        if operator == "content-length-range":
            return [(operator, str(condition[1]), condition[2])]
        if operator in ("eq", "starts-with") and str(condition[1]).startswith("$"):
            return [(operator, str(condition[1])[1:].lower(), condition[2])]
    raise S3Fault(
        "InvalidPolicyDocument", "Invalid Policy: Invalid 'conditions' value: not a condition."
    )


def _check_size(least: str, most: object, size: int) -> None:
    try:
        first, last = int(least), int(str(most))
    except ValueError:
        raise S3Fault(
            "InvalidPolicyDocument", "Invalid Policy: Invalid content-length-range."
        ) from None
    if size < first:
        raise S3Fault("EntityTooSmall", ProposedSize=size, MinSizeAllowed=first)
    if size > last:
        raise S3Fault("EntityTooLarge", ProposedSize=size, MaxSizeAllowed=last)


def key_of(fields: Mapping[str, str], file_name: str) -> str:
    """The key of a form's object.

    Raises:
        S3Fault: It has none.
    """
    if not fields.get("key"):
        message = _MISSING.format("key")
        raise invalid_argument(message, "key", "")
    return fields["key"].replace(_FILE_NAME, file_name)


@handles("PostObject")
def post_object(store: ObjectStore, request: Request) -> Response:
    """Write the file of a form whose policy was checked; respond as the form asks."""
    fields = request.body.fields
    headers = {}
    for name, value in fields.items():
        if name in _HEADERS or name.startswith(_META):
            headers[name] = value
        elif name.startswith(_ASKING) and name not in _ACTED_ON:
            raise not_implemented(f"The field {name} of PostObject")
    if "acl" in fields:
        headers["x-amz-acl"] = fields["acl"]
    if "tagging" in fields:
        headers["x-amz-tagging"] = urlencode(tags_of_document(fields["tagging"].encode()))
    _check_sums(fields, request.body)
    put = Request("PUT", request.bucket, request.key, {}, headers, "PutObject", request.body)
    stored = write(store, put)
    etag = f'"{stored.etag}"'
    place = f"http://{request.headers.get('host', '')}/{request.bucket}/{quote(request.key)}"
    answer = {"etag": etag, "location": place}
    target = fields.get("success_action_redirect") or fields.get("redirect")
    if target and urlsplit(target).scheme in ("http", "https"):
        mark = "&" if "?" in target else "?"
        query = urlencode({"bucket": request.bucket, "key": request.key, "etag": etag})
        return Response(303, {"etag": etag, "location": f"{target}{mark}{query}"})
    status = fields.get("success_action_status")
    if status == "201":
        inside = [
            element("Location", place),
            element("Bucket", request.bucket),
            element("Key", request.key),
            element("ETag", etag),
        ]
        answer["content-type"] = "application/xml"
        return Response(201, answer, documents.document("PostResponse", inside))
    return Response(200 if status == "200" else 204, answer)


def _check_sums(fields: Mapping[str, str], body: Received) -> None:
    """Compare the checksums that a form gives with those of its file.

    Raises:
        S3Fault: One differs.
    """
    for name in checksums.ALGORITHMS:
        given = fields.get(checksums.HEADER + name)
        if given is None:
            continue
        if given != checksums.encode(_digest(body, name)):
            raise S3Fault(
                "BadDigest",
                f"The {name.upper()} you specified did not match the calculated checksum.",
            )
        body.checksums[name] = given


def _digest(body: Received, algorithm: str) -> bytes:
    """The checksum of a file that has come; its field came when most were already computed."""
    if algorithm in body.digests:
        return body.digests[algorithm]
    if body.path is not None:
        return checksums.of_file(body.path, algorithm)
    hasher = checksums.hasher(algorithm)
    hasher.update(body.data or b"")
    return hasher.digest()
