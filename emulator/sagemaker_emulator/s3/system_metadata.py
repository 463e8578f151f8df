"""What the headers of a write say of its object, and what the headers of a read say again."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from sagemaker_emulator.s3 import checksums
from sagemaker_emulator.s3.about import About
from sagemaker_emulator.s3.conditions import http_date
from sagemaker_emulator.s3.faults import S3Fault, not_implemented
from sagemaker_emulator.s3.requests import Request
from sagemaker_emulator.s3.stored import Stored

_META = "x-amz-meta-"
_CONTENT = (
    *("cache-control", "content-disposition", "content-encoding", "content-language"),
    *("content-type", "expires"),
)
_ENCRYPTION = (
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
)
_KEPT = (*_CONTENT, *_ENCRYPTION, "x-amz-storage-class", "x-amz-website-redirect-location")
_STORAGE_CLASSES = {
    *("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"),
    *("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"),
}
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}
_DEFAULT_TYPE = "binary/octet-stream"
_LONGEST_METADATA = 2048  # bytes of names and values
_MOST_TAGS = 10
_TAG = re.compile(r"[\w\s+\-=.:/@]*")


def about_write(request: Request, tags: dict[str, str] | None = None) -> About:
    """What a write's headers say of its object.

    Raises:
        S3Fault: The metadata is too long, a tag is not valid, or a value is not S3's.
    """
    headers = request.headers
    kept = {name: headers[name] for name in _KEPT if name in headers}
    if encoding := kept.get("content-encoding"):
        codings = [name.strip() for name in encoding.split(",")]
        codings = [name for name in codings if name and name != "aws-chunked"]
        kept["content-encoding"] = ",".join(codings)
    kept = {name: value for name, value in kept.items() if value}
    metadata = {
        name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)
    }
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > _LONGEST_METADATA:
        raise S3Fault("MetadataTooLarge", Size=size, MaxSizeAllowed=_LONGEST_METADATA)
    storage = kept.get("x-amz-storage-class", "STANDARD")
    if storage not in _STORAGE_CLASSES:
        raise S3Fault("InvalidStorageClass", StorageClassRequested=storage)
    if storage in _ARCHIVES:
        raise not_implemented(f"The storage class {storage}, whose objects must be restored first,")
    if kept.get(_ENCRYPTION[0], "AES256") not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise S3Fault(
            "InvalidArgument",
            "The encryption method specified is not supported",
            ArgumentName=_ENCRYPTION[0],
            ArgumentValue=kept[_ENCRYPTION[0]],
        )
    if storage == "STANDARD":
        kept.pop("x-amz-storage-class", None)  # S3 does not give it back either
    if tags is None:
        tags = tags_of_header(headers.get("x-amz-tagging", ""))
    return About(headers=kept, metadata=metadata, tags=tags)


def tags_of_header(text: str) -> dict[str, str]:
    """The tags of a header, which is written as a query.

    Raises:
        S3Fault: It is no query, or a tag is not valid.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    except ValueError:
        raise S3Fault(
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
            "parameters without tag name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=text,
        ) from None
    return check_tags(pairs)


def check_tags(pairs: list[tuple[str, str]], most: int = _MOST_TAGS) -> dict[str, str]:
    """Tags by key.

    Raises:
        S3Fault: There are too many, or one is not valid.
    """
    if len(pairs) > most:
        noun = "Object" if most == _MOST_TAGS else "Bucket"
        raise S3Fault("BadRequest", f"{noun} tags cannot be greater than {most}", status=400)
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not 1 <= len(key) <= 128 or not _TAG.fullmatch(key):
            raise S3Fault("InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256 or not _TAG.fullmatch(value):
            message = "The TagValue you have provided is invalid"
            raise S3Fault("InvalidTag", message, TagKey=key, TagValue=value)
        if key.startswith("aws:"):
            message = "System tags cannot be added/updated by requester"
            raise S3Fault("InvalidTag", message, TagKey=key)
        if key in tags:
            message = "Cannot provide multiple Tags with the same key"
            raise S3Fault("InvalidTag", message, TagKey=key)
        tags[key] = value
    return tags


def check_acl(headers: Mapping[str, str]) -> None:
    """Check that a write asks for no access list; buckets belong to their owner entirely.

    Raises:
        S3Fault: It does.
    """
    canned = headers.get("x-amz-acl", "private")
    if canned not in ("private", "bucket-owner-full-control"):
        raise S3Fault("AccessControlListNotSupported")


def read_headers(stored: Stored, with_checksums: bool = False) -> dict[str, str]:
    """The headers that describe an object."""
    about = stored.about
    headers = {
        "accept-ranges": "bytes",
        "last-modified": http_date(stored.modified),
        "etag": f'"{stored.etag}"',
        "content-type": _DEFAULT_TYPE,
    }
    if about.headers:
        headers |= about.headers
    for name, value in about.metadata.items():
        headers[_META + name] = value
    if about.tags:
        headers["x-amz-tagging-count"] = str(len(about.tags))
    if with_checksums:
        headers |= checksum_headers(about)
    return headers


def checksum_headers(about: About) -> dict[str, str]:
    """The headers of an object's checksums."""
    if not about.checksums:
        return {}
    headers = {checksums.HEADER + name: value for name, value in about.checksums.items()}
    return {**headers, "x-amz-checksum-type": about.checksum_type}


def encryption_headers(about: About) -> dict[str, str]:
    """The headers of the encryption that a write asked for."""
    return {name: about.headers[name] for name in _ENCRYPTION if name in about.headers}
