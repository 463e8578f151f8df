"""Conditional reads and writes, and ranges."""

import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from s3_server import BUCKET, Server, code

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


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
