"""Uploads in parts: begun, filled, completed or aborted; they outlive a restart."""

import hashlib
import os
import re
import secrets
import shutil
import time
from dataclasses import replace
from pathlib import Path

from sagemaker_emulator.s3 import checksums, documents
from sagemaker_emulator.s3.conditions import write_check
from sagemaker_emulator.s3.copies import copied, copy_range, copy_result, open_source
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault, invalid_argument, not_implemented
from sagemaker_emulator.s3.metadata import About, Part, Upload
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
_SMALLEST_PART = 5 << 20  # bytes, of every part but the last
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
    upload = Upload(secrets.token_hex(32), request.bucket, request.key, time.time(), about)
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
        sums = {algorithm: checksums.encode(_digest(path, algorithm))}
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


def _digest(path: Path, algorithm: str) -> bytes:
    hasher = checksums.hasher(algorithm)
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            hasher.update(data)
    return hasher.digest()


@handles("AbortMultipartUpload")
def abort_multipart_upload(store: ObjectStore, request: Request) -> Response:
    """End an upload without an object."""
    upload = upload_of(store, request)
    with store.lock:
        store.metadata.delete_upload(upload.id)
    shutil.rmtree(store.parts / upload.id, ignore_errors=True)
    return Response(204)


@handles("CompleteMultipartUpload")
def complete_multipart_upload(store: ObjectStore, request: Request) -> Response:
    """Make the parts that the request lists one object."""
    upload = upload_of(store, request)
    check = write_check(request.headers)
    parts = _requested_parts(store, upload, request)
    size = sum(part.size for part in parts)
    if request.headers.get("x-amz-mp-object-size", str(size)) != str(size):
        raise S3Fault(
            "InvalidRequest",
            "The provided 'x-amz-mp-object-size' header does not match what was computed.",
        )
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
    path = store.new_file(b"")
    try:
        _join([store.parts / upload.id / part.file for part in parts], path)
        about = replace(
            upload.about,
            checksums=_object_checksum(upload.about, parts, path),
            parts=[(part.size, part.checksums) for part in parts],
        )
        _compare_checksum(request, about)
        with store.lock:
            if store.metadata.upload(upload.id) is None:
                raise S3Fault("NoSuchUpload", UploadId=upload.id)
            store.commit(upload.bucket, upload.key, path, etag, about, check)
            store.metadata.delete_upload(upload.id)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    shutil.rmtree(store.parts / upload.id, ignore_errors=True)
    sums = [element(f"Checksum{name.upper()}", value) for name, value in about.checksums.items()]
    if sums:
        sums.append(element("ChecksumType", about.checksum_type))
    host = request.headers.get("host", "")
    inside = [
        element("Location", f"http://{host}/{upload.bucket}/{upload.key}"),
        element("Bucket", upload.bucket),
        element("Key", upload.key),
        element("ETag", f'"{etag}"'),
        *sums,
    ]
    return xml_response(
        documents.document("CompleteMultipartUploadResult", inside), encryption_headers(about)
    )


def _requested_parts(store: ObjectStore, upload: Upload, request: Request) -> list[Part]:
    """The parts that a request lists, as they were uploaded.

    Raises:
        S3Fault: One is missing, another one by now, out of order or too small.
    """
    root = documents.parse(request.body.data or b"", "CompleteMultipartUpload")
    entries = root.findall("Part")
    if not 1 <= len(entries) <= MOST_PARTS:
        raise S3Fault("MalformedXML")
    uploaded = store.metadata.parts(upload.id)
    parts: list[Part] = []
    for entry in entries:
        text = (entry.findtext("PartNumber") or "").strip()
        etag = (entry.findtext("ETag") or "").strip().strip('"')
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            raise S3Fault("MalformedXML")
        part = uploaded.get(int(text))
        if parts and int(text) <= parts[-1].number:
            raise S3Fault("InvalidPartOrder", UploadId=upload.id)
        if part is None or part.etag != etag:
            raise S3Fault("InvalidPart", UploadId=upload.id, PartNumber=text, ETag=etag)
        for child in entry:
            algorithm = child.tag.removeprefix("Checksum").lower()
            if child.tag.startswith("Checksum") and part.checksums.get(algorithm) != child.text:
                raise S3Fault("InvalidPart", UploadId=upload.id, PartNumber=text, ETag=etag)
        parts.append(part)
    for part in parts[:-1]:
        if part.size < _SMALLEST_PART:
            raise S3Fault(
                "EntityTooSmall",
                PartNumber=part.number,
                ProposedSize=part.size,
                MinSizeAllowed=_SMALLEST_PART,
                ETag=part.etag,
            )
    return parts


def _join(files: list[Path], target: Path) -> None:
    with target.open("wb") as joined:
        for file in files:
            with file.open("rb") as part:
                shutil.copyfileobj(part, joined, 1 << 20)


def _object_checksum(about: About, parts: list[Part], path: Path) -> dict[str, str]:
    """The checksum of an object of parts: of all its bytes, or of its parts' checksums."""
    algorithm = about.checksum_algorithm
    if not algorithm:
        return {}
    if about.checksum_type == "FULL_OBJECT":
        return {algorithm: checksums.encode(_digest(path, algorithm))}
    hasher = checksums.hasher(algorithm)
    for part in parts:
        size = checksums.SIZES[algorithm]
        hasher.update(checksums.decode(part.checksums[algorithm], size) or b"")
    return {algorithm: f"{checksums.encode(hasher.digest())}-{len(parts)}"}


def _compare_checksum(request: Request, about: About) -> None:
    for name, value in about.checksums.items():
        given = request.headers.get(checksums.HEADER + name, value)
        if given != value and given != value.rpartition("-")[0]:
            raise S3Fault(
                "BadDigest",
                f"The {name} you specified did not match the calculated checksum.",
            )


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
