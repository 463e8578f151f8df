"""Objects over real HTTP: nothing that was acknowledged is lost or changed."""

import hashlib
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from s3_server import BUCKET, Server, code, keys

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def test_metadata_is_kept_over_a_restart(own_server: Server) -> None:
    client = own_server.client()
    given: dict[str, Any] = {
        "CacheControl": "no-store",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "text/csv",
        "StorageClass": "STANDARD_IA",
        "WebsiteRedirectLocation": "/other",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "key",
    }
    metadata = {"Case": "Kept", "x": "1"}
    client.put_object(
        Bucket=BUCKET, Key="k", Body=b"body", Metadata=metadata, Tagging="a=1&b=c+d", **given
    )
    before = client.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
    own_server.stop(signal.SIGKILL)
    own_server.start()
    after = client.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
    assert {name: after.get(name) for name in given} == given
    assert after["Metadata"] == {"case": "Kept", "x": "1"}
    assert after["TagCount"] == 2
    for name in ("ETag", "LastModified", "ContentLength", "ChecksumCRC32"):
        assert after.get(name) == before.get(name)
    tags = client.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "c d"}]


def test_sub_resources_leave_the_object_and_the_bucket_alone(client: "S3Client") -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"body", Metadata={"x": "1"})
    before = client.head_object(Bucket=BUCKET, Key="k")
    tags: Any = [{"Key": "a", "Value": "b"}]
    client.put_object_tagging(Bucket=BUCKET, Key="k", Tagging={"TagSet": tags})
    client.put_object_acl(Bucket=BUCKET, Key="k", ACL="private")
    assert client.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"] == tags
    client.delete_object_tagging(Bucket=BUCKET, Key="k")
    assert client.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"] == []
    client.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    assert client.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == tags
    client.delete_bucket_tagging(Bucket=BUCKET)
    client.delete_bucket_policy(Bucket=BUCKET)
    with pytest.raises(ClientError) as refused:
        client.get_bucket_policy(Bucket=BUCKET)
    assert code(refused) == ("NoSuchBucketPolicy", 404)
    with pytest.raises(ClientError) as refused:
        client.put_bucket_tagging(Bucket="other", Tagging={"TagSet": tags})
    assert code(refused) == ("NoSuchBucket", 404)
    after = client.get_object(Bucket=BUCKET, Key="k")
    assert after["Body"].read() == b"body"
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
    assert after["Metadata"] == {"x": "1"}


def test_file_that_somebody_puts_there_is_an_object(client: "S3Client", server: Server) -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"body", Metadata={"x": "1"})
    (server.bucket / "a").mkdir()
    (server.bucket / "a/file").write_bytes(b"content")
    (server.bucket / "k").write_bytes(b"other")
    assert keys(client) == ["a/file", "k"]
    replaced = client.get_object(Bucket=BUCKET, Key="k")
    assert replaced["Body"].read() == b"other"
    assert replaced["Metadata"] == {}
    for key, content in (("k", b"other"), ("a/file", b"content")):
        head = client.head_object(Bucket=BUCKET, Key=key)
        assert head["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
        assert head["ContentType"] == "binary/octet-stream"


def test_delete_objects_reports_each(client: "S3Client") -> None:
    for key in ("a", "b", "c/"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"")
    response = client.delete_objects(
        Bucket=BUCKET,
        Delete={"Objects": [{"Key": key} for key in ("a", "none", "c/", "../server.json")]},
    )
    assert [entry["Key"] for entry in response["Deleted"]] == ["a", "none", "c/"]
    assert [(e["Key"], e["Code"]) for e in response["Errors"]] == [
        ("../server.json", "InvalidArgument")
    ]
    assert keys(client) == ["b"]


def test_buckets_are_deleted_only_when_empty(client: "S3Client", server: Server) -> None:
    client.create_bucket(Bucket="to-delete")
    client.create_bucket(Bucket="to-delete")  # as in us-east-1
    client.put_object(Bucket="to-delete", Key="a/b", Body=b"")
    with pytest.raises(ClientError) as refused:
        client.delete_bucket(Bucket="to-delete")
    assert code(refused) == ("BucketNotEmpty", 409)
    names = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    assert "to-delete" in names
    client.delete_object(Bucket="to-delete", Key="a/b")
    client.delete_bucket(Bucket="to-delete")
    assert not (server.state / "s3/to-delete").exists()
    with pytest.raises(ClientError) as refused:
        client.head_bucket(Bucket="to-delete")
    assert code(refused) == ("404", 404)
    assert client.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None


@pytest.mark.parametrize("key", ["a/../b", "../x", ".", "n\0", "x" * 256, ".s3~marker", "k/" * 600])
def test_key_that_cannot_be_kept_is_refused(client: "S3Client", server: Server, key: str) -> None:
    before = sorted(server.state.rglob("*"))
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert code(refused)[0] in ("InvalidArgument", "KeyTooLongError")
    assert code(refused)[1] == 400
    assert sorted(server.state.rglob("*")) == before


def test_markers_and_awkward_keys_are_kept(client: "S3Client") -> None:
    awkward = [
        "a",
        "a/",
        "a/b",
        "a//b",
        "/",
        "ü/\U0001f600",
        "p+q",
        "p%20q",
        "p q",
        "<&>\"'",
        "x\n",
    ]
    for key in awkward:
        client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    assert keys(client) == sorted(awkward, key=str.encode)
    for key in awkward:
        assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode()
        client.delete_object(Bucket=BUCKET, Key=key)
    assert keys(client) == []


def test_metadata_follows_only_the_body_that_it_was_given_with(
    client: "S3Client", server: Server, tmp_path: Path
) -> None:
    """A job's result replaces an object by a rename, in another process."""
    client.put_object(Bucket=BUCKET, Key="k", Body=b"body", Metadata={"x": "1"})
    result = tmp_path / "result"
    result.write_bytes(b"BODY")
    result.replace(server.bucket / "k")
    head = client.head_object(Bucket=BUCKET, Key="k")
    assert head["Metadata"] == {}
    assert head["ETag"] == f'"{hashlib.md5(b"BODY").hexdigest()}"'
    assert json.dumps(keys(client)) == '["k"]'
