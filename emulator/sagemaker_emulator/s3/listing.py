"""Listings of objects and of uploads, in pages; a token is a place in the order of keys."""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from sagemaker_emulator.s3 import documents
from sagemaker_emulator.s3.about import Upload
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import invalid_argument
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.requests import ACCOUNT, Request, Response, integer, xml_response
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.stored import Stored
from sagemaker_emulator.s3.times import iso
from sagemaker_emulator.storage.object_files import Walk

_LONGEST_PAGE = 1000
_LAST = "\U0010ffff"  # no character comes after it


@dataclass
class Page:
    """A page of a listing.

    Attributes:
        objects: In the order of their keys.
        prefixes: The common prefixes, in order.
        place: Where the next page begins: behind this key, or behind all keys with this prefix.
        is_truncated: Whether there is a next page.
    """

    objects: list[Stored] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    place: str = ""
    is_truncated: bool = False


def common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """What a key is rolled up into, or "" if it is listed itself."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: end + len(delimiter)] if end >= 0 else ""


def page(
    store: ObjectStore, bucket: str, prefix: str, delimiter: str, after: str, most: int
) -> Page:
    """The first page behind a place.

    Args:
        store: The objects.
        bucket: The bucket's name.
        prefix: Only keys that begin with it.
        delimiter: Keys with it behind the prefix are rolled up; "" for none.
        after: A key, or a common prefix of a page before: no key below it is listed again.
        most: Objects and prefixes.

    Raises:
        S3Fault: There is no such bucket.
    """
    result = Page()
    walk = Walk(store.bucket(bucket), prefix, after)
    behind = ""  # the prefix whose keys are skipped
    if after and common_prefix(after, prefix, delimiter) == after and after.startswith(prefix):
        behind, walk.after = after, after + _LAST
    found: list[tuple[str, str]] = []
    if most == 0:
        return result
    for key, path in walk:
        if behind and key.startswith(behind):
            continue
        if len(found) + len(result.prefixes) == most:
            result.is_truncated = True
            break
        rolled = common_prefix(key, prefix, delimiter)
        result.place = rolled or key
        if rolled:
            result.prefixes.append(rolled)
            behind, walk.after = rolled, rolled + _LAST
        else:
            found.append((key, path))
    result.objects = store.many(bucket, found)
    return result


def _token(place: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(token: str) -> str:
    try:
        place = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
        if isinstance(place, str) and place:
            place.encode()
            return place
    except (ValueError, binascii.Error):
        pass
    raise invalid_argument(
        "The continuation token provided is incorrect", "continuation-token", token
    )


@dataclass
class _Arguments:
    """What all listings of objects take."""

    prefix: str
    delimiter: str
    most: int
    is_url: bool

    @classmethod
    def of(cls, request: Request, most: str = "max-keys") -> "_Arguments":
        query = request.query
        encoding = query.get("encoding-type", "")
        if encoding not in ("", "url"):
            message = "Invalid Encoding Method specified in Request"
            raise invalid_argument(message, "encoding-type", encoding)
        number = integer(query.get(most) or str(_LONGEST_PAGE), most)
        return cls(
            query.get("prefix", ""),
            query.get("delimiter", ""),
            min(number, _LONGEST_PAGE),
            encoding == "url",
        )

    def name(self, tag: str, key: str | None) -> str:
        """An element with a key or a part of one."""
        return element(tag, quote(key, safe="/") if key and self.is_url else key)

    def head(self, request: Request, most: str = "MaxKeys") -> list[str]:
        return [
            element("Name" if most == "MaxKeys" else "Bucket", request.bucket),
            self.name("Prefix", self.prefix),
            self.name("Delimiter", self.delimiter or None),
            element(most, self.most),
            element("EncodingType", "url" if self.is_url else None),
        ]

    def prefixes(self, prefixes: Iterable[str]) -> list[str]:
        return [
            f"<CommonPrefixes>{self.name('Prefix', prefix)}</CommonPrefixes>" for prefix in prefixes
        ]

    def entry(self, stored: Stored, tag: str, owner: str, more: str = "") -> str:
        about = stored.about
        sums = ""
        if about.checksums:
            sums = "".join(element("ChecksumAlgorithm", name.upper()) for name in about.checksums)
            sums += element("ChecksumType", about.checksum_type)
        return (
            f"<{tag}>{self.name('Key', stored.key)}{more}"
            f"<LastModified>{iso(stored.modified)}</LastModified>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag>{sums}<Size>{stored.size}</Size>{owner}"
            f"<StorageClass>{about.headers.get('x-amz-storage-class', 'STANDARD')}</StorageClass>"
            f"</{tag}>"
        )


@handles("ListObjectsV2")
def list_objects_v2(store: ObjectStore, request: Request) -> Response:
    """A page of objects; the token of the next is a place."""
    if (version := request.query.get("list-type")) != "2":
        raise invalid_argument("Invalid List Type specified in Request", "list-type", version or "")
    arguments = _Arguments.of(request)
    token = request.query.get("continuation-token")
    start = request.query.get("start-after", "")
    after = start if token is None else max(_place(token), start)
    found = page(
        store, request.bucket, arguments.prefix, arguments.delimiter, after, arguments.most
    )
    owner = documents.owner(ACCOUNT) if request.query.get("fetch-owner") == "true" else ""
    inside = [
        *arguments.head(request),
        element("KeyCount", len(found.objects) + len(found.prefixes)),
        element("IsTruncated", found.is_truncated),
        element("ContinuationToken", token),
        element("NextContinuationToken", _token(found.place) if found.is_truncated else None),
        arguments.name("StartAfter", start or None),
        *(arguments.entry(stored, "Contents", owner) for stored in found.objects),
        *arguments.prefixes(found.prefixes),
    ]
    return xml_response(documents.document("ListBucketResult", inside))


@handles("ListObjects")
def list_objects(store: ObjectStore, request: Request) -> Response:
    """A page of objects; the marker of the next is a key or a common prefix."""
    arguments = _Arguments.of(request)
    marker = request.query.get("marker", "")
    found = page(
        store, request.bucket, arguments.prefix, arguments.delimiter, marker, arguments.most
    )
    following = found.place if found.is_truncated and arguments.delimiter else None
    owner = documents.owner(ACCOUNT)
    inside = [
        *arguments.head(request),
        arguments.name("Marker", marker),
        arguments.name("NextMarker", following),
        element("IsTruncated", found.is_truncated),
        *(arguments.entry(stored, "Contents", owner) for stored in found.objects),
        *arguments.prefixes(found.prefixes),
    ]
    return xml_response(documents.document("ListBucketResult", inside))


@handles("ListObjectVersions")
def list_object_versions(store: ObjectStore, request: Request) -> Response:
    """A page of objects, each the null version of its key: nothing here has another."""
    arguments = _Arguments.of(request)
    marker = request.query.get("key-marker", "")
    version = request.query.get("version-id-marker", "")
    if version and not marker:
        message = "A version-id marker cannot be specified without a key marker."
        raise invalid_argument(message, "version-id-marker", version)
    found = page(
        store, request.bucket, arguments.prefix, arguments.delimiter, marker, arguments.most
    )
    more = element("VersionId", "null") + element("IsLatest", True)
    owner = documents.owner(ACCOUNT)
    following = found.place if found.is_truncated else None
    inside = [
        *arguments.head(request),
        arguments.name("KeyMarker", marker),
        element("VersionIdMarker", version),
        arguments.name("NextKeyMarker", following),
        element("NextVersionIdMarker", "null" if following else None),
        element("IsTruncated", found.is_truncated),
        *(arguments.entry(stored, "Version", owner, more) for stored in found.objects),
        *arguments.prefixes(found.prefixes),
    ]
    return xml_response(documents.document("ListVersionsResult", inside))


@handles("ListMultipartUploads")
def list_multipart_uploads(store: ObjectStore, request: Request) -> Response:
    """A page of the uploads under way."""
    store.bucket(request.bucket)
    arguments = _Arguments.of(request, "max-uploads")
    key_marker = request.query.get("key-marker", "")
    id_marker = request.query.get("upload-id-marker", "") if key_marker else ""
    uploads: list[Upload] = []
    prefixes: list[str] = []
    place, is_truncated = ("", ""), False
    for upload in store.metadata.uploads(request.bucket):
        key = upload.key
        if not key.startswith(arguments.prefix) or key < key_marker:
            continue
        # The marker's upload may be gone: it is a place in the order, not one of those listed.
        if key == key_marker and (not id_marker or upload.id <= id_marker):
            continue
        rolled = common_prefix(key, arguments.prefix, arguments.delimiter)
        if rolled and (rolled in prefixes or rolled == key_marker):
            continue
        if len(uploads) + len(prefixes) == arguments.most:
            is_truncated = arguments.most > 0
            break
        if rolled:
            prefixes.append(rolled)
        else:
            uploads.append(upload)
        place = rolled or key, "" if rolled else upload.id
    entries = [
        "<Upload>"
        + arguments.name("Key", upload.key)
        + element("UploadId", upload.id)
        + documents.owner(ACCOUNT, "Initiator")
        + documents.owner(ACCOUNT)
        + element("StorageClass", upload.about.headers.get("x-amz-storage-class", "STANDARD"))
        + element("Initiated", iso(upload.created))
        + element("ChecksumAlgorithm", upload.about.checksum_algorithm.upper() or None)
        + "</Upload>"
        for upload in uploads
    ]
    inside = [
        *arguments.head(request, "MaxUploads"),
        arguments.name("KeyMarker", key_marker),
        element("UploadIdMarker", id_marker),
        arguments.name("NextKeyMarker", place[0] if is_truncated else None),
        element("NextUploadIdMarker", place[1] if is_truncated else None),
        element("IsTruncated", is_truncated),
        *entries,
        *arguments.prefixes(prefixes),
    ]
    return xml_response(documents.document("ListMultipartUploadsResult", inside))
