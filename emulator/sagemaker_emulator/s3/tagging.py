"""Tags of objects and of buckets, and what is known of an object besides."""

from dataclasses import replace

from sagemaker_emulator.s3 import documents
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.objects import check_version
from sagemaker_emulator.s3.requests import Request, Response, xml_response
from sagemaker_emulator.s3.routes import handles
from sagemaker_emulator.s3.system_metadata import check_tags

_MOST_OF_BUCKET = 50


def tags_of_document(body: bytes, most: int = 10) -> dict[str, str]:
    """The tags of a document.

    Raises:
        S3Fault: It is no such document, or a tag is not valid.
    """
    root = documents.parse(body, "Tagging")
    tag_set = root.find("TagSet")
    if tag_set is None:
        raise S3Fault("MalformedXML")
    pairs = []
    for tag in tag_set:
        key, value = tag.findtext("Key"), tag.findtext("Value")
        if tag.tag != "Tag" or key is None or value is None:
            raise S3Fault("MalformedXML")
        pairs.append((key, value))
    return check_tags(pairs, most)


def tag_set(tags: dict[str, str]) -> bytes:
    """Tags as a document."""
    inside = "".join(
        f"<Tag>{element('Key', key)}{element('Value', value)}</Tag>" for key, value in tags.items()
    )
    return documents.document("Tagging", [f"<TagSet>{inside}</TagSet>"])


@handles("PutObjectTagging")
def put_object_tagging(store: ObjectStore, request: Request) -> Response:
    """Replace an object's tags."""
    check_version(request)
    tags = tags_of_document(request.body.data or b"")
    with store.lock:
        stored = store.head(request.bucket, request.key)
        store.replace_about(request.bucket, stored, replace(stored.about, tags=tags))
    return Response(200)


@handles("GetObjectTagging")
def get_object_tagging(store: ObjectStore, request: Request) -> Response:
    """An object's tags."""
    check_version(request)
    return xml_response(tag_set(store.head(request.bucket, request.key).about.tags))


@handles("DeleteObjectTagging")
def delete_object_tagging(store: ObjectStore, request: Request) -> Response:
    """Take all tags off an object."""
    check_version(request)
    with store.lock:
        stored = store.head(request.bucket, request.key)
        store.replace_about(request.bucket, stored, replace(stored.about, tags={}))
    return Response(204)


@handles("PutBucketTagging")
def put_bucket_tagging(store: ObjectStore, request: Request) -> Response:
    """Replace a bucket's tags."""
    store.bucket(request.bucket)
    tags = tags_of_document(request.body.data or b"", _MOST_OF_BUCKET)
    store.metadata.put_configuration(request.bucket, "tagging", tag_set(tags))
    return Response(204)


@handles("GetBucketTagging")
def get_bucket_tagging(store: ObjectStore, request: Request) -> Response:
    """A bucket's tags."""
    store.bucket(request.bucket)
    tags = store.metadata.configuration(request.bucket, "tagging")
    if tags is None:
        raise S3Fault("NoSuchTagSet", BucketName=request.bucket)
    return xml_response(tags)


@handles("DeleteBucketTagging")
def delete_bucket_tagging(store: ObjectStore, request: Request) -> Response:
    """Take all tags off a bucket."""
    store.bucket(request.bucket)
    store.metadata.delete_configuration(request.bucket, "tagging")
    return Response(204)
