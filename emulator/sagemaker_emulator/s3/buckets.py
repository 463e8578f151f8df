"""Buckets: create, head, list, delete, and where they are."""

import base64

from sagemaker_emulator.s3 import documents
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault, invalid_argument, not_implemented
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.requests import (
    ACCOUNT,
    REGION,
    Request,
    Response,
    integer,
    xml_response,
)
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.system_metadata import check_acl, check_tags
from sagemaker_emulator.s3.tagging import tag_set
from sagemaker_emulator.s3.times import iso

OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
_MOST = 10_000
_MOST_TAGS = 50


@handles("CreateBucket")
def create_bucket(store: ObjectStore, request: Request) -> Response:
    """Make a bucket; one that is there stays, as in us-east-1."""
    check_acl(request.headers)
    ownership = request.headers.get("x-amz-object-ownership", OWNERSHIPS[0])
    if ownership not in OWNERSHIPS:
        message = "Invalid x-amz-object-ownership header"
        raise invalid_argument(message, "x-amz-object-ownership", ownership)
    tags = _configuration(request.body.data or b"")
    if store.create_bucket(request.bucket):
        kinds = {"ownershipControls": ownership_controls(ownership)}
        if tags:
            kinds["tagging"] = tag_set(tags)
        for kind, body in kinds.items():
            store.metadata.put_configuration(request.bucket, kind, body)
    return Response(200, {"location": f"/{request.bucket}"})


def _configuration(body: bytes) -> dict[str, str]:
    """The tags of a CreateBucketConfiguration whose location is here.

    Raises:
        S3Fault: It is no such document, or the location is elsewhere.
    """
    if not body:
        return {}
    root = documents.parse(body, "CreateBucketConfiguration")
    tags: list[tuple[str, str]] = []
    for child in root:
        if child.tag == "LocationConstraint":
            if (child.text or "").strip() not in ("", REGION):
                raise S3Fault(
                    "IllegalLocationConstraintException",
                    f"The {child.text} location constraint is incompatible for the region "
                    "specific endpoint this request was sent to.",
                )
        elif child.tag == "Tags":
            tags += [(tag.findtext("Key") or "", tag.findtext("Value") or "") for tag in child]
        elif child.tag in ("Location", "Bucket"):
            raise not_implemented(f"The member {child.tag} of CreateBucketConfiguration")
        else:
            raise S3Fault("MalformedXML")
    return check_tags(tags, _MOST_TAGS)


def ownership_controls(ownership: str) -> bytes:
    """The configuration of a bucket's ownership."""
    rule = f"<Rule>{element('ObjectOwnership', ownership)}</Rule>"
    return documents.document("OwnershipControls", [rule])


@handles("HeadBucket")
def head_bucket(store: ObjectStore, request: Request) -> Response:
    """Whether there is a bucket."""
    store.bucket(request.bucket)
    return Response(
        200,
        {
            "x-amz-bucket-region": REGION,
            "x-amz-access-point-alias": "false",
            "content-type": "application/xml",
        },
    )


@handles("DeleteBucket")
def delete_bucket(store: ObjectStore, request: Request) -> Response:
    """Delete a bucket that has no objects."""
    store.delete_bucket(request.bucket)
    return Response(204)


@handles("GetBucketLocation")
def get_bucket_location(store: ObjectStore, request: Request) -> Response:
    """Where a bucket is: us-east-1, which S3 writes as nothing."""
    store.bucket(request.bucket)
    return xml_response(documents.document("LocationConstraint", []))


@handles("ListBuckets")
def list_buckets(store: ObjectStore, request: Request) -> Response:
    """The buckets, in the order of their names; in pages if the request limits them."""
    query = request.query
    most = integer(query.get("max-buckets", str(_MOST)), "max-buckets", 1, _MOST)
    token = query.get("continuation-token", "")
    try:
        after = base64.urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError:
        message = "The continuation token provided is incorrect"
        raise invalid_argument(message, "continuation-token", token) from None
    prefix = query.get("prefix", "")
    names = [name for name in store.bucket_names() if name.startswith(prefix) and name > after]
    if query.get("bucket-region", REGION) != REGION:
        names = []
    page = names[:most]
    created = store.metadata.created()
    entries = []
    for name in page:
        try:
            made = created.get(name) or (store.root / name).stat().st_mtime
        except OSError:
            continue  # deleted meanwhile
        region = element("BucketRegion", REGION)
        date = element("CreationDate", iso(made))
        entries.append(f"<Bucket>{element('Name', name)}{date}{region}</Bucket>")
    following = None
    if len(names) > len(page):
        following = base64.urlsafe_b64encode(page[-1].encode()).decode()
    inside = [
        documents.owner(ACCOUNT),
        f"<Buckets>{''.join(entries)}</Buckets>",
        element("ContinuationToken", following),
        element("Prefix", prefix or None),
    ]
    return xml_response(documents.document("ListAllMyBucketsResult", inside))
