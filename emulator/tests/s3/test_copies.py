"""Copies of objects."""

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError
from s3_server import BUCKET, Server, code, signed_request

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def test_copy_keeps_or_replaces_metadata_and_tags(client: "S3Client") -> None:
    client.put_object(
        Bucket=BUCKET,
        Key="a ü",
        Body=b"body",
        Metadata={"x": "1"},
        ContentType="text/plain",
        Tagging="t=1",
    )
    source: Any = {"Bucket": BUCKET, "Key": "a ü"}
    client.copy_object(Bucket=BUCKET, Key="b", CopySource=source)
    kept = client.get_object(Bucket=BUCKET, Key="b")
    assert (kept["Metadata"], kept["ContentType"]) == ({"x": "1"}, "text/plain")
    assert kept["TagCount"] == 1
    assert kept["Body"].read() == b"body"
    client.copy_object(
        Bucket=BUCKET,
        Key="b",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"y": "2"},
        TaggingDirective="REPLACE",
        Tagging="u=2&v=3",
    )
    replaced = client.head_object(Bucket=BUCKET, Key="b")
    assert (replaced["Metadata"], replaced["ContentType"]) == ({"y": "2"}, "binary/octet-stream")
    assert replaced["TagCount"] == 2
    with pytest.raises(ClientError, match="to copy an object to itself"):
        client.copy_object(Bucket=BUCKET, Key="a ü", CopySource=source)
    client.copy_object(
        Bucket=BUCKET, Key="a ü", CopySource=source, MetadataDirective="REPLACE", Metadata={}
    )
    assert client.head_object(Bucket=BUCKET, Key="a ü")["Metadata"] == {}
    with pytest.raises(ClientError) as refused:
        client.copy_object(Bucket=BUCKET, Key="c", CopySource=source, CopySourceIfMatch='"x"')
    assert code(refused) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as refused:
        client.copy_object(Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/none")
    assert code(refused) == ("NoSuchKey", 404)


def test_plus_in_a_copy_source_is_a_space(server: Server, client: "S3Client") -> None:
    client.put_object(Bucket=BUCKET, Key="a ü", Body=b"body")
    source = {"x-amz-copy-source": f"{BUCKET}/a+%C3%BC"}  # as s5cmd writes it
    request = signed_request(server, "PUT", f"/{BUCKET}/c", source)
    assert httpx.put(request.url, headers=dict(request.headers)).status_code == 200
    assert client.get_object(Bucket=BUCKET, Key="c")["Body"].read() == b"body"
