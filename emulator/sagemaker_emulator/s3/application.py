"""The ASGI application: from what came over the wire to an operation, and back."""

import asyncio
import errno
import logging
import os
import sqlite3
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.aws.signature import Signature, verify
from sagemaker_emulator.aws.signature_claim import UNSIGNED_PAYLOAD, SignatureRefused
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.s3 import (  # noqa: F401 - the import registers the operations
    attributes,
    buckets,
    completion,
    configurations,
    copies,
    listing,
    multipart,
    objects,
    signature_v2,
    tagging,
)
from sagemaker_emulator.s3.body import ClientGone, Receive, Sink, pieces, receive_body
from sagemaker_emulator.s3.cors import cors_headers, preflight
from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.s3.forms import Form, no_form
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.post_policy import check_form, check_policy, key_of
from sagemaker_emulator.s3.requests import (
    ACCOUNT,
    Request,
    Response,
    bucket_of_host,
    new_id,
    split_path,
    split_query,
)
from sagemaker_emulator.s3.routes import check_members, handlers, operation_of
from sagemaker_emulator.storage.s3 import HEALTH

_log = logging.getLogger("emulator.s3")
LONGEST_OBJECT = 5 << 30  # bytes of one PUT or one part, as on S3
_LONGEST_DOCUMENT = 1 << 20
_LONGER = {"CompleteMultipartUpload": 4 << 20, "DeleteObjects": 8 << 20}
_OBJECT_BODIES = {"PutObject", "UploadPart"}
# These take less time than handing them to a thread.
_QUICK = {"PutObject", "GetObject", "HeadObject", "DeleteObject", "HeadBucket", "UploadPart"}
_PIECE = 256 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
_THREADS = 16
_UNSIGNED = Signature(UNSIGNED_PAYLOAD, "", "", "", b"", presigned=False)


class Application:
    """S3 over a store.

    Args:
        store: The objects.
        credentials: What requests must be signed with.
        port: Where it listens, which the Host header must name.
    """

    def __init__(self, store: ObjectStore, credentials: Credentials, port: int) -> None:
        self._store = store
        self._credentials = credentials
        self._port = port
        self._threads = ThreadPoolExecutor(_THREADS, "s3")

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Any) -> None:
        """Respond to one request; every exception becomes a response."""
        if scope["type"] != "http":
            return
        request = Request(scope["method"], "", "", {}, {})
        extra: dict[str, str] = {}
        was_asked_for = False

        async def receive_noted() -> Any:
            nonlocal was_asked_for
            was_asked_for = True
            return await receive()

        try:
            response = await self._respond(scope, request, receive_noted, extra)
        except ClientGone:
            return
        except S3Fault as fault:
            response = _refusal(fault, request)
        except Exception as problem:
            response = _refusal(_internal(problem, request), request)
        finally:
            if request.body.path is not None:
                request.body.path.unlink(missing_ok=True)
        response.headers.update(extra)
        if not was_asked_for and "expect" in request.headers:
            # The client was not told to send its body, so what comes next could be that or another
            # request.
            response.headers["connection"] = "close"
        await self._send(response, request, send)

    async def _respond(
        self,
        scope: Mapping[str, Any],
        request: Request,
        receive: Receive,
        extra: dict[str, str],
    ) -> Response:
        raw_path = scope["raw_path"].decode("latin-1")
        query_string = scope["query_string"].decode("latin-1")
        wire = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        signed = SignedRequest(request.method, raw_path, query_string, wire, "s3")
        request.headers = dict(signed.values)
        named = bucket_of_host(request.headers.get("host", ""), self._port)
        if raw_path == HEALTH and not named:
            return Response(200, {"content-type": "text/plain"}, b"ok")
        request.bucket, request.key = split_path(raw_path, named)
        request.query = split_query(query_string)
        if request.method == "OPTIONS":
            return preflight(self._store, request)
        if "origin" in request.headers:
            extra.update(cors_headers(self._store, request))
        content_type = request.headers.get("content-type", "")
        if (
            request.method == "POST"
            and not request.key
            and not request.query
            and "authorization" not in request.headers
            and content_type.lower().startswith("multipart/form-data")
        ):
            return await self._post(request, receive)
        if signature_v2.is_presigned(request):
            path = f"/{named}{raw_path}" if named else raw_path
            signature = signature_v2.verify(
                request, path, query_string, self._credentials, datetime.now(UTC)
            )
        else:
            signature = self._verify(signed)
        for name, value in request.query.items():
            lower = name.lower()
            # Some SDKs put what would be headers into a presigned address.
            if lower.startswith("x-amz-") and lower not in _OF_SIGNATURE:
                request.headers.setdefault(lower, value)
        request.operation = operation_of(request)
        check_members(request)
        if request.operation == "PostObject":  # but not a form
            raise no_form()
        if request.headers.get("x-amz-expected-bucket-owner", ACCOUNT) != ACCOUNT:
            raise S3Fault("AccessDenied")
        if request.operation in _OBJECT_BODIES:
            self._store.bucket(request.bucket)  # before the body is sent
            folder, limit = self._store.incoming, LONGEST_OBJECT
        else:
            folder, limit = None, _LONGER.get(request.operation, _LONGEST_DOCUMENT)
        own = request.operation != "CompleteMultipartUpload"
        request.body = await receive_body(
            request.headers, signature, receive, folder, limit, has_own_checksum=own
        )
        return await self._run(request)

    def _verify(self, signed: SignedRequest) -> Signature:
        try:
            return verify(signed, self._credentials, datetime.now(UTC))
        except SignatureRefused as refused:
            raise S3Fault(refused.code, refused.message, status=refused.status) from None

    async def _run(self, request: Request) -> Response:
        handler = handlers[request.operation]
        if request.operation in _QUICK and request.body.path is None:
            return handler(self._store, request)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, handler, self._store, request)

    async def _post(self, request: Request, receive: Receive) -> Response:
        """A browser's form, whose policy is signed in place of the request."""
        request.operation = "PostObject"
        self._store.bucket(request.bucket)
        sink = Sink(self._store.incoming, LONGEST_OBJECT, {"md5", "crc32", "sha256"})
        try:
            form = Form(request.headers["content-type"], sink)
            await form.read(pieces(receive))
            now = datetime.now(UTC)
            check_form(form.fields, self._credentials, now)
            request.key = form.fields["key"] = key_of(form.fields, form.file_name)
            check_policy(form.fields, request.bucket, sink.size, now)
            request.body = await sink.finish()
        except BaseException:
            sink.discard()
            raise
        request.body.fields = form.fields
        return await self._run(request)

    async def _send(self, response: Response, request: Request, send: Any) -> None:
        headers = {"x-amz-request-id": new_id(), "x-amz-id-2": _HOST_ID, "server": "AmazonS3"}
        headers |= response.headers
        if response.status not in (204, 304):
            headers.setdefault("content-length", str(len(response.body)))
        wire = [(_wire(name), _wire(value)) for name, value in headers.items()]
        body = b"" if request.method == "HEAD" or response.status in (204, 304) else response.body
        try:
            await send({"type": "http.response.start", "status": response.status, "headers": wire})
            if response.file is not None:
                await self._send_file(response.file, response.offset, response.length, send)
            else:
                await send({"type": "http.response.body", "body": body})
        finally:
            if response.file is not None:
                os.close(response.file)

    async def _send_file(self, descriptor: int, offset: int, length: int, send: Any) -> None:
        loop = asyncio.get_running_loop()
        while length:
            piece = await loop.run_in_executor(
                self._threads, os.pread, descriptor, min(length, _PIECE), offset
            )
            if not piece:
                raise OSError(errno.EIO, "an object became shorter while it was read")
            offset += len(piece)
            length -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": length > 0})


_OF_SIGNATURE = {
    f"x-amz-{name}"
    for name in ("algorithm", "credential", "date", "expires", "signedheaders", "signature")
}
_HOST_ID = os.urandom(24).hex()


def _wire(text: str) -> bytes:
    """A header's name or value; what would end it early becomes a space."""
    if not text.isprintable():
        text = "".join(c if c >= " " and c != "\x7f" else " " for c in text)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _refusal(fault: S3Fault, request: Request) -> Response:
    request_id = new_id()
    headers = {"x-amz-request-id": request_id, **fault.headers}
    if fault.status == 304:
        return Response(304, headers)
    body = fault.xml(request.resource, request_id, _HOST_ID)
    if request.method == "HEAD":
        return Response(fault.status, {**headers, "content-type": "application/xml"})
    return Response(fault.status, {**headers, "content-type": "application/xml"}, body)


def _internal(problem: Exception, request: Request) -> S3Fault:
    """What went wrong here, not in the request."""
    _log.error("%s %s\n%s", request.method, request.resource, traceback.format_exc())
    if isinstance(problem, sqlite3.OperationalError) or (
        isinstance(problem, OSError) and problem.errno in _FULL
    ):
        return S3Fault(
            "InternalError",
            f"the emulator could not use its disk: {problem}. Nothing was acknowledged; free some "
            "space, then call again.",
        )
    return S3Fault(
        "InternalError",
        f"a fault of the emulator, not of the request: {type(problem).__name__}: {problem}. The "
        "traceback is in its log.",
    )
