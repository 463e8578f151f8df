"""Uploads in parts: begun, filled, completed or aborted; they outlive a restart."""

import os
import re
import secrets
import shutil
import time
from dataclasses import replace
from pathlib import Path

from sagemaker_emulator.s3 import checksums, documents
from sagemaker_emulator.s3.about import Part, Upload
from sagemaker_emulator.s3.copies import copied, copy_range, copy_result, open_source
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault, invalid_argument, not_implemented
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.requests import ACCOUNT, Request, Response, integer, xml_response
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.system_metadata import (
    about_write,
    check_acl,
    encryption_headers,
)
from sagemaker_emulator.s3.times import iso
from sagemaker_emulator.storage import object_files
from sagemaker_emulator.storage.object_files import KeyRefused

MOST_PARTS = 10_000
_ID = re.compile(r"[\w.\-]{16,200}", re.ASCII)
_TYPES = ("FULL_OBJECT", "COMPOSITE")


@handles("CreateMultipartUpload")
def create_multipart_upload(store: ObjectStore, request: Request) -> Response:
    """Begin an upload."""
    check_acl(request.headers)
    about = about_write(request)
    algorithm = request.headers.get("x-amz-checksum-algorithm", "").lower()
    if algorithm and algorithm not in checksums.ALGORITHMS:
        raise not_implemented(f"The checksum algorithm {algorithm.upper()}")
    default = "FULL_OBJECT" if algorithm == "crc64nvme" else "COMPOSITE"
    kind = request.headers.get("x-amz-checksum-type", default).upper()
    if kind not in _TYPES:
        message = "Value for x-amz-checksum-type header is invalid."
        raise invalid_argument(message, "x-amz-checksum-type", kind)
    if algorithm and (kind == "FULL_OBJECT") and algorithm not in checksums.CRCS:
        raise S3Fault(
            "InvalidRequest",
            f"The FULL_OBJECT checksum type cannot be used with the {algorithm} checksum "
            "algorithm.",
        )
    if algorithm == "crc64nvme" and kind == "COMPOSITE":
        raise S3Fault(
            "InvalidRequest",
            "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.",
        )
    about = replace(about, checksum_algorithm=algorithm, checksum_type=kind)
    folder = store.bucket(request.bucket)
    _check_key(folder, request.key)
    # Listings are in the order of ids, and S3's in the order in which uploads began.
    name = f"{time.time_ns():016x}{secrets.token_hex(24)}"
    upload = Upload(name, request.bucket, request.key, time.time(), about)
    (store.parts / upload.id).mkdir()
    store.metadata.create_upload(upload)
    headers = encryption_headers(about)
    if algorithm:
        headers |= {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kind}
    inside = [
        element("Bucket", request.bucket),
        element("Key", request.key),
        element("UploadId", upload.id),
    ]
    return xml_response(documents.document("InitiateMultipartUploadResult", inside), headers)


def _check_key(folder: Path, key: str) -> None:
    try:
        object_files.file_of(folder, key)
    except KeyRefused as problem:
        raise invalid_argument(str(problem), "Key", key) from None


def upload_of(store: ObjectStore, request: Request) -> Upload:
    """The upload that a request names.

    Raises:
        S3Fault: There is no such bucket, or no such upload of this key.
    """
    store.bucket(request.bucket)
    name = request.query.get("uploadId", "")
    upload = store.metadata.upload(name) if _ID.fullmatch(name) else None
    if upload is None or (upload.bucket, upload.key) != (request.bucket, request.key):
        raise S3Fault("NoSuchUpload", UploadId=name)
    return upload


def _part_number(request: Request) -> int:
    text = request.query.get("partNumber", "")
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 6):
        raise invalid_argument("Part number must be an integer", "partNumber", text)
    if not 1 <= int(text) <= MOST_PARTS:
        message = f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        raise invalid_argument(message, "partNumber", text)
    return int(text)


@handles("UploadPart")
def upload_part(store: ObjectStore, request: Request) -> Response:
    """Add a part, or replace the one of this number."""
    upload = upload_of(store, request)
    number = _part_number(request)
    body = request.body
    algorithm = upload.about.checksum_algorithm
    given = next(iter(body.checksums), algorithm)
    if algorithm and given != algorithm:
        raise S3Fault(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm}, actual "
            f"checksum Type: {given}",
        )
    sums = dict(body.checksums)
    path = body.path or store.new_file(body.data or b"")
    if algorithm and not sums:
        sums = {algorithm: checksums.encode(checksums.of_file(path, algorithm))}
    part = _keep_part(store, upload, number, path, body.digests["md5"].hex(), sums)
    headers = {checksums.HEADER + name: value for name, value in sums.items()}
    return Response(200, {"etag": f'"{part.etag}"', **headers})


@handles("UploadPartCopy")
def upload_part_copy(store: ObjectStore, request: Request) -> Response:
    """Add a part that is a range of an object."""
    upload = upload_of(store, request)
    number = _part_number(request)
    algorithm = upload.about.checksum_algorithm
    descriptor, source = open_source(store, request)
    try:
        first, length = copy_range(request, source.size)
        path, digests = copied(store, descriptor, first, length, {"md5", algorithm} - {""})
    finally:
        os.close(descriptor)
    etag = digests.pop("md5").hex()
    sums = {name: checksums.encode(digest) for name, digest in digests.items()}
    part = _keep_part(store, upload, number, path, etag, sums)
    return xml_response(documents.document("CopyPartResult", copy_result(part.created, etag, sums)))


def _keep_part(
    store: ObjectStore, upload: Upload, number: int, path: Path, etag: str, sums: dict[str, str]
) -> Part:
    """Move a file to the parts of an upload.

    Raises:
        S3Fault: The upload ended meanwhile.
    """
    folder = store.parts / upload.id
    name = f"{number}.{secrets.token_hex(8)}"
    part = Part(number, path.stat().st_size, time.time(), etag, sums, name)
    try:
        with store.lock:
            if store.metadata.upload(upload.id) is None:
                raise S3Fault("NoSuchUpload", UploadId=upload.id)
            path.replace(folder / name)
            replaced = store.metadata.put_part(upload.id, part)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if replaced:
        (folder / replaced).unlink(missing_ok=True)
    return part


@handles("AbortMultipartUpload")
def abort_multipart_upload(store: ObjectStore, request: Request) -> Response:
    """End an upload without an object."""
    upload = upload_of(store, request)
    with store.lock:
        store.metadata.delete_upload(upload.id)
    shutil.rmtree(store.parts / upload.id, ignore_errors=True)
    return Response(204)


@handles("ListParts")
def list_parts(store: ObjectStore, request: Request) -> Response:
    """The parts of an upload, in pages."""
    upload = upload_of(store, request)
    most = min(integer(request.query.get("max-parts", "1000"), "max-parts"), 1000)
    marker = integer(request.query.get("part-number-marker", "0") or "0", "part-number-marker")
    after = [part for part in store.metadata.parts(upload.id).values() if part.number > marker]
    page = after[:most]
    algorithm = upload.about.checksum_algorithm
    inside = [
        element("Bucket", upload.bucket),
        element("Key", upload.key),
        element("UploadId", upload.id),
        documents.owner(ACCOUNT, "Initiator"),
        documents.owner(ACCOUNT),
        element("StorageClass", upload.about.headers.get("x-amz-storage-class", "STANDARD")),
        element("PartNumberMarker", marker),
        element("NextPartNumberMarker", page[-1].number if page else marker),
        element("MaxParts", most),
        element("IsTruncated", len(after) > len(page)),
        element("ChecksumAlgorithm", algorithm.upper() or None),
        element("ChecksumType", upload.about.checksum_type if algorithm else None),
    ]
    for part in page:
        described = [
            element("PartNumber", part.number),
            element("LastModified", iso(part.created)),
            element("ETag", f'"{part.etag}"'),
            element("Size", part.size),
            *(element(f"Checksum{name.upper()}", sum_) for name, sum_ in part.checksums.items()),
        ]
        inside.append(f"<Part>{''.join(described)}</Part>")
    return xml_response(documents.document("ListPartsResult", inside))
