"""CompleteMultipartUpload: the parts of an upload become one object."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from sagemaker_emulator.s3 import checksums, documents
from sagemaker_emulator.s3.about import About, Part, Upload
from sagemaker_emulator.s3.conditions import write_check
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.s3.multipart import MOST_PARTS, upload_of
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.requests import Request, Response, xml_response
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.system_metadata import encryption_headers

_SMALLEST_PART = 5 << 20  # bytes, of every part but the last


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
        return {algorithm: checksums.encode(checksums.of_file(path, algorithm))}
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
