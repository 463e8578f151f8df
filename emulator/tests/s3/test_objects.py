"""Objects over real HTTP: nothing that was acknowledged is lost or changed."""

import base64
import hashlib
import io
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from s3_server import BUCKET, Server, code, keys, signed_request

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


def test_conditional_writes(client: "S3Client") -> None:
    first = client.put_object(Bucket=BUCKET, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key="k", Body=b"2", IfNoneMatch="*")
    assert code(refused) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key="k", Body=b"2", IfMatch='"other"')
    assert code(refused) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key="none", Body=b"2", IfMatch=first)
    assert code(refused) == ("NoSuchKey", 404)
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"1"
    client.put_object(Bucket=BUCKET, Key="k", Body=b"3", IfMatch=first)
    with pytest.raises(ClientError) as refused:
        client.delete_object(Bucket=BUCKET, Key="k", IfMatch=first)
    assert code(refused) == ("PreconditionFailed", 412)
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"3"


def test_one_of_many_conditional_writes_at_once_wins(server: Server) -> None:
    won: list[int] = []
    clients = [server.client() for _ in range(8)]

    def write(number: int) -> None:
        try:
            body = str(number).encode()
            clients[number].put_object(Bucket=BUCKET, Key="lock", Body=body, IfNoneMatch="*")
            won.append(number)
        except ClientError:
            pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    body = server.client().get_object(Bucket=BUCKET, Key="lock")["Body"].read()
    assert won == [int(body)]


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"IfMatch": "{etag}"}, None),
        ({"IfMatch": '"x"'}, ("PreconditionFailed", 412)),
        ({"IfNoneMatch": "{etag}"}, ("304", 304)),
        ({"IfNoneMatch": '"x"'}, None),
        ({"IfModifiedSince": 10}, ("304", 304)),
        ({"IfModifiedSince": -10}, None),
        ({"IfUnmodifiedSince": -10}, ("PreconditionFailed", 412)),
        ({"IfUnmodifiedSince": 10}, None),
        ({"IfMatch": "{etag}", "IfUnmodifiedSince": -10}, None),
        ({"IfNoneMatch": '"x"', "IfModifiedSince": 10}, None),
    ],
)
def test_conditional_reads(
    client: "S3Client", condition: dict[str, Any], answer: tuple[str, int] | None
) -> None:
    etag = client.put_object(Bucket=BUCKET, Key="k", Body=b"body")["ETag"]
    modified = client.head_object(Bucket=BUCKET, Key="k")["LastModified"].timestamp()
    given: Any = {
        name: value.format(etag=etag) if isinstance(value, str) else modified + value
        for name, value in condition.items()
    }
    if answer is None:
        assert client.get_object(Bucket=BUCKET, Key="k", **given)["Body"].read() == b"body"
        return
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=BUCKET, Key="k", **given)
    assert code(refused) == answer


@pytest.mark.parametrize(
    ("header", "content", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=3-1", b"0123456789", None),
        ("bytes=0-1,3-4", b"0123456789", None),
        ("lines=0-1", b"0123456789", None),
    ],
)
def test_ranges(client: "S3Client", header: str, content: bytes, content_range: str | None) -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")
    response = client.get_object(Bucket=BUCKET, Key="k", Range=header)
    assert response["Body"].read() == content
    assert response.get("ContentRange") == content_range
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    assert status == (206 if content_range else 200)


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_range_behind_the_end_is_refused(client: "S3Client", header: str) -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=BUCKET, Key="k", Range=header)
    assert code(refused) == ("InvalidRange", 416)


def test_large_object_goes_through_whole(client: "S3Client", server: Server) -> None:
    content = os.urandom(3_000_001)
    client.put_object(Bucket=BUCKET, Key="large", Body=content)
    response = client.get_object(Bucket=BUCKET, Key="large")
    assert response["Body"].read() == content
    assert response["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    part = client.get_object(Bucket=BUCKET, Key="large", Range="bytes=1000000-2999999")
    assert part["Body"].read() == content[1_000_000:3_000_000]
    assert (server.bucket / "large").read_bytes() == content


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


def test_upload_under_way_is_no_object(server: Server, client: "S3Client") -> None:
    size = 2_000_000
    reached, go_on = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, amount: int | None = -1, /) -> bytes:
            if self.tell() >= size // 2:
                reached.set()
                go_on.wait(60)
            return super().read(min(amount or size, 65_536) if amount != -1 else -1)

    body = Slow(b"x" * size)
    uploader = server.client(request_checksum_calculation="when_required")
    upload = threading.Thread(
        target=uploader.put_object,
        kwargs={"Bucket": BUCKET, "Key": "in/slow", "Body": body, "ContentMD5": _md5(b"x" * size)},
    )
    upload.start()
    assert reached.wait(60)
    time.sleep(0.2)
    assert [path for path in server.bucket.rglob("*") if path.is_file()] == []
    assert keys(client) == []
    go_on.set()
    upload.join(60)
    assert keys(client) == ["in/slow"]


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content).digest()).decode()


@pytest.mark.parametrize("length", [100, 2_000_000])
def test_upload_that_breaks_off_leaves_nothing(server: Server, length: int) -> None:
    signed = signed_request(server, "PUT", f"/{BUCKET}/broken", {"content-length": str(length)})
    head = f"PUT /{BUCKET}/broken HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + b"x" * (length * 3 // 4))
        time.sleep(0.3)
    deadline = time.monotonic() + 30
    incoming = server.state / "s3-uploads/incoming"
    while time.monotonic() < deadline and list(incoming.iterdir()):
        time.sleep(0.05)
    assert list(incoming.iterdir()) == []
    assert not (server.bucket / "broken").exists()


def test_kill_in_an_upload_leaves_no_object(own_server: Server) -> None:
    incoming = own_server.state / "s3-uploads/incoming"

    class Stalls(io.BytesIO):
        def read(self, amount: int | None = -1, /) -> bytes:
            if self.tell() > 1_500_000:
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline and not list(incoming.iterdir()):
                    time.sleep(0.01)
                own_server.stop(signal.SIGKILL)
                raise ConnectionError
            return super().read(amount)

    client = own_server.client(request_checksum_calculation="when_required")
    with pytest.raises((ConnectionError, BotoCoreError)):
        client.put_object(
            Bucket=BUCKET, Key="k", Body=Stalls(b"x" * 3_000_000), ContentMD5=_md5(b"x")
        )
    own_server.start()
    assert keys(own_server.client()) == []
    assert [path for path in own_server.state.rglob("*") if path.stat().st_size > 1_000_000] == []


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
