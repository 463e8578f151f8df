"""Objects: put, get, head, delete."""

import os
import re

from sagemaker_emulator.s3 import documents
from sagemaker_emulator.s3.conditions import check_delete, check_read, write_check
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.requests import Request, Response, integer, xml_response
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.stored import Stored
from sagemaker_emulator.s3.system_metadata import (
    about_write,
    check_acl,
    checksum_headers,
    encryption_headers,
    read_headers,
)

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_MOST_DELETED = 1000
_READ_AT_ONCE = 256 * 1024


@handles("PutObject")
def put_object(store: ObjectStore, request: Request) -> Response:
    """Write an object."""
    stored = write(store, request)
    headers = {"etag": f'"{stored.etag}"', **encryption_headers(stored.about)}
    return Response(200, headers | checksum_headers(stored.about))


def write(store: ObjectStore, request: Request) -> Stored:
    """Make a request's body the object that it names.

    Raises:
        S3Fault: A condition does not hold, or no object can be as the headers say.
    """
    check_acl(request.headers)
    body = request.body
    about = about_write(request)
    about.checksums.update(body.checksums)
    check = write_check(request.headers)
    path = body.path or store.new_file(body.data or b"")
    try:
        etag = body.digests["md5"].hex()
        return store.commit(request.bucket, request.key, path, etag, about, check)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def check_version(request: Request) -> None:
    """Check that a request is for the only version that an object here has.

    Raises:
        S3Fault: It names another.
    """
    version = request.query.get("versionId", "null")
    if version == "null":
        return
    if re.fullmatch(r"[\w.\-]{32}", version):
        raise S3Fault("NoSuchVersion", Key=request.key, VersionId=version)
    raise S3Fault(
        "InvalidArgument",
        "Invalid version id specified",
        ArgumentName="versionId",
        ArgumentValue=version,
    )


@handles("GetObject", "HeadObject")
def get_object(store: ObjectStore, request: Request) -> Response:
    """Read an object, a range of it, or one of the parts that it was uploaded in."""
    check_version(request)
    descriptor, stored = store.open(request.bucket, request.key)
    try:
        response = _read(request, stored)
        if request.method == "GET" and response.length <= _READ_AT_ONCE:
            response.body = os.pread(descriptor, response.length, response.offset)
        elif request.method == "GET":
            response.file, descriptor = descriptor, -1
        return response
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _read(request: Request, stored: Stored) -> Response:
    check_read(request.headers, stored)
    first, length, status = 0, stored.size, 200
    with_checksums = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    part = request.query.get("partNumber")
    headers = read_headers(stored)
    if part is not None:
        if "range" in request.headers:
            raise S3Fault(
                "InvalidRequest", "Cannot specify both Range header and partNumber query parameter"
            )
        first, length = _part_range(stored, integer(part, "partNumber", 1, 10_000))
        status = 206
        headers["x-amz-mp-parts-count"] = str(len(stored.about.parts) or 1)
    elif (span := byte_range(request.headers.get("range"), stored.size)) is not None:
        first, length = span
        status = 206
    if with_checksums and length == stored.size:
        headers |= checksum_headers(stored.about)
    if status == 206:
        headers["content-range"] = f"bytes {first}-{first + length - 1}/{stored.size}"
    for name, value in request.query.items():
        if name.startswith("response-"):
            headers[name.removeprefix("response-")] = value
    headers["content-length"] = str(length)
    return Response(status, headers, offset=first, length=length)


def _part_range(stored: Stored, number: int) -> tuple[int, int]:
    sizes = [size for size, _ in stored.about.parts] or [stored.size]
    if number > len(sizes):
        raise S3Fault("InvalidPartNumber", PartNumberRequested=number, ActualPartCount=len(sizes))
    return sum(sizes[: number - 1]), sizes[number - 1]


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the number of bytes that a Range header asks for.

    Returns:
        None for the whole: without a header, and for one that S3 ignores.

    Raises:
        S3Fault: It begins behind the end.
    """
    match = _RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    begin, end = (int(text[:19]) if text else None for text in match.groups())
    if begin is None:
        length = min(end or 0, size)
        first, last = size - length, size - 1
    else:
        first, last = begin, size - 1 if end is None else min(end, size - 1)
        if end is not None and end < begin:
            return None
    if first > last or first >= size:
        raise S3Fault("InvalidRange", RangeRequested=header or "", ActualObjectSize=size)
    return first, last - first + 1


@handles("DeleteObject")
def delete_object(store: ObjectStore, request: Request) -> Response:
    """Delete an object; there need not be one."""
    check_version(request)
    with store.lock:
        if any(name in request.headers for name in _DELETE_CONDITIONS):
            check_delete(request.headers, store.find(request.bucket, request.key))
        store.delete(request.bucket, request.key)
    return Response(204)


_DELETE_CONDITIONS = ("if-match", "x-amz-if-match-size", "x-amz-if-match-last-modified-time")


@handles("DeleteObjects")
def delete_objects(store: ObjectStore, request: Request) -> Response:
    """Delete up to 1,000 objects; what cannot be deleted is listed in the response."""
    if not {"content-md5", *_checksum_names(request)} & request.headers.keys():
        raise S3Fault("InvalidRequest", "Missing required header for this request: Content-MD5")
    store.bucket(request.bucket)
    root = documents.parse(request.body.data or b"", "Delete")
    entries = root.findall("Object")
    if not 1 <= len(entries) <= _MOST_DELETED:
        raise S3Fault("MalformedXML")
    quiet = (root.findtext("Quiet") or "").strip().lower() == "true"
    results = []
    for entry in entries:
        key = entry.findtext("Key") or ""
        if not key:
            raise S3Fault("MalformedXML")
        one = Request("DELETE", request.bucket, key, {}, {})
        if version := entry.findtext("VersionId"):
            one.query["versionId"] = version
        for tag, header in _ENTRY_CONDITIONS.items():
            if value := entry.findtext(tag):
                one.headers[header] = value
        try:
            delete_object(store, one)
        except S3Fault as fault:
            inside = element("Key", key) + element("Code", fault.code)
            results.append(f"<Error>{inside}{element('Message', fault.message)}</Error>")
            continue
        if not quiet:
            named = element("VersionId", version)
            results.append(f"<Deleted>{element('Key', key)}{named}</Deleted>")
    return xml_response(documents.document("DeleteResult", results))


_ENTRY_CONDITIONS = {
    "ETag": "if-match",
    "Size": "x-amz-if-match-size",
    "LastModifiedTime": "x-amz-if-match-last-modified-time",
}


def _checksum_names(request: Request) -> set[str]:
    names = {name for name in request.headers if name.startswith("x-amz-checksum-")}
    return names | ({"x-amz-trailer"} & request.headers.keys())
