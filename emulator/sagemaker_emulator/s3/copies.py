"""Copies: of an object to another, and of a range to a part of an upload."""

import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

from sagemaker_emulator.s3 import checksums, documents
from sagemaker_emulator.s3.conditions import check_copy, write_check
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault, invalid_argument, not_implemented
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.requests import ACCOUNT, Request, Response, xml_response
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.stored import Stored
from sagemaker_emulator.s3.system_metadata import (
    about_write,
    check_acl,
    encryption_headers,
    tags_of_header,
)
from sagemaker_emulator.s3.times import iso

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")
_PIECE = 1 << 20
LONGEST_COPY = 5 << 30  # bytes, as on S3


def open_source(store: ObjectStore, request: Request) -> tuple[int, Stored]:
    """Open the object that `x-amz-copy-source` names; its conditions hold.

    Raises:
        S3Fault: There is none, or a condition does not hold.
    """
    name = "x-amz-copy-source"
    source, version = _source(request)
    bucket, _, key = source.partition("/")
    if not bucket or not key:
        message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise invalid_argument(message, name, source)
    if version not in ("", "null"):
        raise S3Fault("NoSuchVersion", Key=key, VersionId=version)
    owner = request.headers.get("x-amz-source-expected-bucket-owner", ACCOUNT)
    if owner != ACCOUNT:
        raise S3Fault("AccessDenied")
    descriptor, stored = store.open(bucket, key)
    try:
        check_copy(request.headers, stored)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, stored


def copied(
    store: ObjectStore, descriptor: int, first: int, length: int, algorithms: set[str]
) -> tuple[Path, dict[str, bytes]]:
    """Copy a range of a file into a new one, and compute its digests.

    Raises:
        S3Fault: The file is shorter.
    """
    hashers = {name: checksums.hasher(name) for name in algorithms}
    path = store.new_file(b"")
    try:
        with path.open("wb") as target:
            while length:
                data = os.pread(descriptor, min(length, _PIECE), first)
                if not data:
                    raise S3Fault("IncompleteBody")
                for hasher in hashers.values():
                    hasher.update(data)
                target.write(data)
                first += len(data)
                length -= len(data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, {name: hasher.digest() for name, hasher in hashers.items()}


@handles("CopyObject")
def copy_object(store: ObjectStore, request: Request) -> Response:
    """Copy an object, with its metadata and tags or with the request's."""
    headers = request.headers
    check_acl(headers)
    replaced = _directive(headers.get("x-amz-metadata-directive"), "x-amz-metadata-directive")
    retagged = _directive(headers.get("x-amz-tagging-directive"), "x-amz-tagging-directive")
    given = about_write(request, {})
    check = write_check(headers)
    algorithm = _algorithm(headers.get("x-amz-checksum-algorithm", ""))
    store.bucket(request.bucket)
    descriptor, source = open_source(store, request)
    try:
        if source.size > LONGEST_COPY:
            raise S3Fault(
                "InvalidRequest",
                "The specified copy source is larger than the maximum allowable size for a copy "
                f"source: {LONGEST_COPY}",
            )
        kept = given.headers
        if not replaced:
            own = ("x-amz-server-side-encryption", "x-amz-storage-class", "x-amz-website")
            copied_headers = {
                name: value
                for name, value in source.about.headers.items()
                if not name.startswith(own)
            }
            kept = copied_headers | {k: v for k, v in kept.items() if k.startswith(own)}
        changes_nothing = not (replaced or retagged or encryption_headers(given)) and not any(
            name in headers for name in ("x-amz-storage-class", "x-amz-website-redirect-location")
        )
        if changes_nothing and _source(request)[0] == f"{request.bucket}/{request.key}":
            raise S3Fault(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself "
                "without changing the object's metadata, storage class, website redirect location "
                "or encryption attributes.",
            )
        algorithms = {"md5"} | {algorithm} - {""} | set(source.about.checksums)
        path, digests = copied(store, descriptor, 0, source.size, algorithms)
    finally:
        os.close(descriptor)
    etag = digests.pop("md5").hex()
    if algorithm:
        digests = {algorithm: digests[algorithm]}
    about = replace(
        given,
        headers=kept,
        metadata=given.metadata if replaced else source.about.metadata,
        tags=tags_of_header(headers.get("x-amz-tagging", "")) if retagged else source.about.tags,
        checksums={name: checksums.encode(digest) for name, digest in digests.items()},
    )
    try:
        stored = store.commit(request.bucket, request.key, path, etag, about, check)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return xml_response(
        documents.document(
            "CopyObjectResult", copy_result(stored.mtime / 1e9, etag, about.checksums)
        ),
        encryption_headers(about),
    )


def copy_result(seconds: float, etag: str, sums: dict[str, str]) -> list[str]:
    """The elements that describe a copy."""
    return [
        element("LastModified", iso(seconds)),
        element("ETag", f'"{etag}"'),
        *(element(f"Checksum{name.upper()}", value) for name, value in sums.items()),
    ]


def _directive(value: str | None, name: str) -> bool:
    if value not in (None, "COPY", "REPLACE"):
        raise invalid_argument(f"Unknown {name.removeprefix('x-amz-')}.", name, value or "")
    return value == "REPLACE"


def _algorithm(name: str) -> str:
    if name and name.lower() not in checksums.ALGORITHMS:
        raise not_implemented(f"The checksum algorithm {name}")
    return name.lower()


def _source(request: Request) -> tuple[str, str]:
    """The bucket and the key of a copy's source, joined by a slash, and its version or ""."""
    source, _, version = request.headers["x-amz-copy-source"].partition("?versionId=")
    try:
        # A plus is a space here: s5cmd relies on it.
        source = unquote_to_bytes(source.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        raise S3Fault("InvalidURI") from None
    return source.removeprefix("/"), version


def copy_range(request: Request, size: int) -> tuple[int, int]:
    """The first byte and the number of bytes of `x-amz-copy-source-range`.

    Raises:
        S3Fault: It is not within the source.
    """
    name = "x-amz-copy-source-range"
    text = request.headers.get(name)
    if text is None:
        return 0, size
    match = _RANGE.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        message = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy"
        )
        raise invalid_argument(message, name, text)
    if int(match[2]) >= size:
        message = f"Range specified is not valid for source object of size: {size}"
        raise invalid_argument(message, name, text)
    return int(match[1]), int(match[2]) - int(match[1]) + 1
