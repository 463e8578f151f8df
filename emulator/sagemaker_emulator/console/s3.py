"""S3: the buckets, and the folders and objects of one; upload and delete."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import artifacts, lists, s3_client
from sagemaker_emulator.console.forms import form_of
from sagemaker_emulator.console.media import Kind, kind_of
from sagemaker_emulator.console.pages import Section, render, s3_address, url
from sagemaker_emulator.errors import ApiError, invalid

SECTION = Section("S3", "/console/s3")
PAGE = 1000
# A larger archive is unpacked when a person asks for the list of its files.
_LARGE_ARCHIVE = 4 << 20


@dataclass(frozen=True)
class Entry:
    """A folder or an object of a listing.

    Attributes:
        name: Behind the prefix of the listing.
        address: Of its page.
        size: Bytes; None for a folder.
        changed: Seconds since the epoch; None for a folder.
    """

    name: str
    address: str
    size: int | None = None
    changed: float | None = None


def _buckets(request: Request) -> Response:
    text, _ = lists.filter_of(request)
    found = s3_client.call(request, "list_buckets")["Buckets"]
    buckets = [
        Entry(each["Name"], url("s3", each["Name"]), changed=each["CreationDate"].timestamp())
        for each in found
        if text in each["Name"]
    ]
    return render(request, "s3_buckets.html.j2", found=lists.Listing(buckets, text, ""))


async def _create_bucket(request: Request) -> Response:
    form = await form_of(request)
    name = str(form.get("bucket", "")).strip()
    await anyio.to_thread.run_sync(lambda: s3_client.call(request, "create_bucket", Bucket=name))
    return RedirectResponse(url("s3", name), 303)


def _show(request: Request) -> Response:
    """A folder where the key is empty or ends with `/`, otherwise an object."""
    bucket = request.path_params["bucket"]
    key = request.path_params.get("key") or request.query_params.get("key", "")
    if (not key or key.endswith("/")) and "object" not in request.query_params:
        return _folder(request, bucket, key)
    try:
        about = s3_client.call(request, "head_object", Bucket=bucket, Key=key)
    except ApiError as problem:
        if problem.status != 404:
            raise
        if _is_folder(request, bucket, f"{key}/"):
            return RedirectResponse(s3_address(f"s3://{bucket}/{key}/"), 303)
        message = (
            f"s3://{bucket}/{key} is neither an object nor a folder. "
            "A job that failed may not have written it."
        )
        raise ApiError(problem.code, message, 404) from None
    return _object(request, bucket, key, about)


def _folder(request: Request, bucket: str, prefix: str) -> Response:
    text = request.query_params.get("filter", "")
    after = request.query_params.get("after", "")
    found = s3_client.call(
        request,
        "list_objects_v2",
        Bucket=bucket,
        Prefix=prefix + text,
        Delimiter="/",
        MaxKeys=PAGE,
        **({"ContinuationToken": after} if after else {}),
    )
    folders = [
        Entry(
            _visible(each["Prefix"][len(prefix) :]), s3_address(f"s3://{bucket}/{each['Prefix']}")
        )
        for each in found.get("CommonPrefixes", [])
    ]
    objects = [_entry(bucket, prefix, each) for each in found.get("Contents", [])]
    return render(
        request,
        "s3_folder.html.j2",
        bucket=bucket,
        prefix=prefix,
        parents=_parents(bucket, prefix),
        entries=[*folders, *objects],
        key_in_query=request.query_params.get("key", ""),
        filter=text,
        next=_query(bucket, prefix, text, found.get("NextContinuationToken", "")),
    )


def _entry(bucket: str, prefix: str, about: Any) -> Entry:
    key = about["Key"]
    address = s3_address(f"s3://{bucket}/{key}")
    if key.endswith("/"):  # an object that stands for a folder
        address = url("s3", bucket, key=key, object="1")
    name = _visible(key[len(prefix) :]) or "(the object of this folder)"
    return Entry(name, address, about["Size"], about["LastModified"].timestamp())


def _query(bucket: str, prefix: str, text: str, token: str) -> str:
    """The address of the next page of a folder; empty if there is none."""
    if not token:
        return ""
    address = s3_address(f"s3://{bucket}/{prefix}")
    joined = "&" if "?" in address else "?"
    return f"{address}{joined}filter={quote(text, safe='')}&after={quote(token, safe='')}"


def _parents(bucket: str, prefix: str) -> list[Entry]:
    """The bucket and the folders that lead to a prefix."""
    parents, reached = [Entry(bucket, url("s3", bucket))], ""
    for part in prefix.split("/")[:-1]:
        reached += f"{part}/"
        parents.append(Entry(_visible(part) or "(empty)", s3_address(f"s3://{bucket}/{reached}")))
    return parents


def _is_folder(request: Request, bucket: str, prefix: str) -> bool:
    found = s3_client.call(request, "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return bool(found["KeyCount"])


def _object(request: Request, bucket: str, key: str, about: Any) -> Response:
    tags = s3_client.call(request, "get_object_tagging", Bucket=bucket, Key=key)["TagSet"]
    kind = kind_of(key, about.get("ContentType", ""))
    waits = kind is Kind.ARCHIVE and about["ContentLength"] > _LARGE_ARCHIVE
    return render(
        request,
        "s3_object.html.j2",
        bucket=bucket,
        key=key,
        name=_visible(key.rstrip("/").rpartition("/")[2]) or "/",
        uri=f"s3://{bucket}/{key}",
        parents=_parents(bucket, key[: key.rstrip("/").rfind("/") + 1]),
        about=about,
        changed=about["LastModified"].timestamp(),
        tags=tags,
        artifact=None if waits else artifacts.preview_with(request, bucket, key, about),
    )


async def _upload(request: Request) -> Response:
    bucket = request.path_params["bucket"]
    form = await form_of(request)
    prefix, file = str(form.get("prefix", "")), form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise invalid("Choose a file to upload.")
    key = prefix + (str(form.get("name", "")).strip() or file.filename)
    members: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": file.file}
    if file.content_type:
        members["ContentType"] = file.content_type
    await anyio.to_thread.run_sync(lambda: s3_client.call(request, "put_object", **members))
    return RedirectResponse(s3_address(f"s3://{bucket}/{prefix}"), 303)


async def _delete(request: Request) -> Response:
    bucket = request.path_params["bucket"]
    key = str((await form_of(request)).get("key", ""))
    if not key:
        raise invalid("The form needs an object's key.")

    def delete() -> None:
        s3_client.call(request, "head_object", Bucket=bucket, Key=key)  # or a 404
        s3_client.call(request, "delete_object", Bucket=bucket, Key=key)

    await anyio.to_thread.run_sync(delete)
    return RedirectResponse(s3_address(f"s3://{bucket}/{key[: key.rfind('/') + 1]}"), 303)


def _visible(text: str) -> str:
    """A name with what has no shape of its own written as in Python."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


routes = [
    Route("/s3", _buckets),
    Route("/s3", _create_bucket, methods=["POST"]),
    Route("/s3-upload/{bucket}", _upload, methods=["POST"]),
    Route("/s3-delete/{bucket}", _delete, methods=["POST"]),
    Route("/s3/{bucket}", _show),
    Route("/s3/{bucket}/{key:path}", _show),
]
