"""Objects of S3 as pages show them: a preview by kind, and the object itself.

An object is never part of the console's origin: the browser gets it in a sandbox without scripts.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from sagemaker_emulator.console import s3_client
from sagemaker_emulator.console.media import Kind, kind_of, media_type
from sagemaker_emulator.console.pages import fragment
from sagemaker_emulator.console.previews import MOST_READ, Preview, preview_of
from sagemaker_emulator.errors import ApiError, invalid

SECTION = None
# `sandbox` without `allow-scripts` or `allow-same-origin`: no script runs, and the page's origin is
# none of this server's, so that it cannot read the console, either.
POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "frame-ancestors 'self'"
)
_CHUNK = 256 * 1024


def preview(request: Request, uri: str) -> Preview:
    """A preview of an object, for `artifact_view` of `artifact.html.j2`.

    Args:
        request: The browser's request.
        uri: `s3://BUCKET/KEY`.

    Raises:
        ApiError: It is no such address, or there is no such object.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise invalid(f"{uri}: not the address of an object, s3://BUCKET/KEY.")
    about = s3_client.call(request, "head_object", Bucket=bucket, Key=key)
    return preview_with(request, bucket, key, about)


def preview_with(request: Request, bucket: str, key: str, about: Any) -> Preview:
    """A preview of an object whose response of HeadObject is there.

    Raises:
        ApiError: It was deleted meanwhile.
    """
    kind, size = kind_of(key, about.get("ContentType", "")), about["ContentLength"]
    head = b""
    if size and kind.is_read:
        last = min(size, MOST_READ) - 1
        found = s3_client.call(
            request, "get_object", Bucket=bucket, Key=key, Range=f"bytes=0-{last}"
        )
        head = found["Body"].read()
    archive = None
    if kind is Kind.ARCHIVE:
        archive = s3_client.call(request, "get_object", Bucket=bucket, Key=key)["Body"]
    return preview_of(f"s3://{bucket}/{key}", kind, size, head, archive)


def _raw(request: Request) -> Response:
    bucket = request.path_params["bucket"]
    key = request.path_params.get("key") or request.query_params.get("key", "")
    if not key:
        raise invalid("The address needs an object's key.")
    found = s3_client.call(request, "get_object", Bucket=bucket, Key=key)
    shown = media_type(key, found.get("ContentType", ""))
    name = quote(key.rstrip("/").rpartition("/")[2] or "object", safe="")
    saved = shown is None or "download" in request.query_params
    headers = {
        "content-security-policy": POLICY,
        "content-length": str(found["ContentLength"]),
        "content-disposition": f"{'attachment' if saved else 'inline'}; filename*=UTF-8''{name}",
    }
    media = shown or "application/octet-stream"
    return StreamingResponse(_chunks(found["Body"]), media_type=media, headers=headers)


def _chunks(body: Any) -> Iterator[bytes]:
    try:
        yield from body.iter_chunks(_CHUNK)
    finally:
        body.close()


def _preview(request: Request) -> Response:
    """A preview as a part of a page, for htmx; a problem is shown in its place."""
    uri = request.query_params.get("uri", "")
    try:
        shown = preview(request, uri)
    except ApiError as problem:
        return HTMLResponse(
            fragment(request, "problem.html.j2", title=problem.code, message=problem.message)
        )
    return HTMLResponse(fragment(request, "artifact_part.html.j2", artifact=shown))


routes = [
    Route("/artifacts/preview", _preview),
    Route("/artifacts/raw/{bucket}", _raw),
    Route("/artifacts/raw/{bucket}/{key:path}", _raw),
]
