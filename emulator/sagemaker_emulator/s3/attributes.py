"""GetObjectAttributes."""

from sagemaker_emulator.s3 import documents
from sagemaker_emulator.s3.conditions import http_date
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import invalid_argument
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.objects import check_version
from sagemaker_emulator.s3.requests import Request, Response, integer, xml_response
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.stored import Stored

_ATTRIBUTES = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}


@handles("GetObjectAttributes")
def get_object_attributes(store: ObjectStore, request: Request) -> Response:
    """Those attributes of an object that the request names."""
    check_version(request)
    name = "x-amz-object-attributes"
    text = request.headers.get(name, "")
    names = {part.strip() for part in text.split(",")} - {""}
    if not names or not names <= _ATTRIBUTES:
        raise invalid_argument("Invalid attribute name specified.", name, text)
    stored = store.head(request.bucket, request.key)
    about = stored.about
    inside = []
    if "ETag" in names:
        inside.append(element("ETag", stored.etag))
    if "Checksum" in names and about.checksums:
        sums = "".join(_checksum(name, value) for name, value in about.checksums.items())
        kind = element("ChecksumType", about.checksum_type)
        inside.append(f"<Checksum>{sums}{kind}</Checksum>")
    if "ObjectParts" in names and about.parts:
        inside.append(_parts(request, stored))
    if "StorageClass" in names:
        inside.append(element("StorageClass", about.headers.get("x-amz-storage-class", "STANDARD")))
    if "ObjectSize" in names:
        inside.append(element("ObjectSize", stored.size))
    return xml_response(
        documents.document("GetObjectAttributesResponse", inside),
        {"last-modified": http_date(stored.modified)},
    )


def _checksum(name: str, value: str) -> str:
    return element(f"Checksum{name.upper()}", value)


def _parts(request: Request, stored: Stored) -> str:
    headers = request.headers
    most = min(integer(headers.get("x-amz-max-parts", "1000"), "x-amz-max-parts"), 1000)
    marker = integer(headers.get("x-amz-part-number-marker", "0"), "x-amz-part-number-marker")
    numbered = list(enumerate(stored.about.parts, 1))[marker:]
    page = numbered[:most]
    inside = [
        element("PartsCount", len(stored.about.parts)),
        element("PartNumberMarker", marker),
        element("NextPartNumberMarker", page[-1][0] if page else marker),
        element("MaxParts", most),
        element("IsTruncated", len(numbered) > len(page)),
    ]
    for number, (size, sums) in page:
        if sums:  # as on S3, which lists parts with a checksum only
            described = "".join(_checksum(name, value) for name, value in sums.items())
            described += element("PartNumber", number) + element("Size", size)
            inside.append(f"<Part>{described}</Part>")
    return f"<ObjectParts>{''.join(inside)}</ObjectParts>"
