"""Who gets in: signatures, presigned addresses, hosts, origins."""

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from s3_server import BUCKET, Server, code, keys, send, signed_request

from sagemaker_emulator.credentials import Credentials

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def test_without_a_signature_nobody_gets_in(server: Server, client: "S3Client") -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"body")
    anonymous = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )
    for call in (
        lambda: anonymous.list_objects_v2(Bucket=BUCKET),
        lambda: anonymous.get_object(Bucket=BUCKET, Key="k"),
        lambda: anonymous.put_object(Bucket=BUCKET, Key="k", Body=b"other"),
        lambda: anonymous.delete_object(Bucket=BUCKET, Key="k"),
        lambda: anonymous.list_buckets(),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert code(refused) == ("AccessDenied", 403)
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"body"


@pytest.mark.parametrize(
    ("key", "secret", "answer"),
    [
        ("emulator", "emulator", "InvalidAccessKeyId"),
        (None, "wrong", "SignatureDoesNotMatch"),
    ],
)
def test_wrong_keys_are_refused(server: Server, key: str | None, secret: str, answer: str) -> None:
    stranger = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=key or Credentials.of(server.state).access_key_id,
        aws_secret_access_key=secret,
    )
    with pytest.raises(ClientError) as refused:
        stranger.put_object(Bucket=BUCKET, Key="k", Body=b"")
    assert code(refused) == (answer, 403)


def test_body_must_be_the_one_that_was_signed(server: Server, client: "S3Client") -> None:
    digest = hashlib.sha256(b"signed").hexdigest()
    headers = {"x-amz-content-sha256": digest, "content-length": "5"}
    request = signed_request(server, "PUT", f"/{BUCKET}/k", headers)
    status, body, _ = send(server, "PUT", f"/{BUCKET}/k", request.headers, b"other")
    assert (status, b"<Code>XAmzContentSHA256Mismatch</Code>" in body) == (400, True)
    assert keys(client) == []


def test_clocks_must_agree(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore import auth

    late = datetime.now(UTC) - timedelta(minutes=20)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: late)
    request = signed_request(server, "GET", f"/{BUCKET}")
    status, body, _ = send(server, "GET", f"/{BUCKET}", request.headers)
    assert (status, b"<Code>RequestTimeTooSkewed</Code>" in body) == (403, True)


@pytest.mark.parametrize("version", [None, "s3v4"])
def test_presigned_addresses_last_as_long_as_they_say(server: Server, version: str | None) -> None:
    client = server.client(signature_version=version)
    where = {"Bucket": BUCKET, "Key": "a b/ü"}
    put = client.generate_presigned_url("put_object", Params=where)
    assert httpx.put(put, content=b"body").status_code == 200
    get = client.generate_presigned_url(
        "get_object", Params={**where, "ResponseContentType": "text/x"}, ExpiresIn=60
    )
    answer = httpx.get(get)
    assert (answer.status_code, answer.content) == (200, b"body")
    assert answer.headers["content-type"] == "text/x"
    assert httpx.delete(get).status_code == 403
    tagged = client.generate_presigned_url(
        "put_object", Params={**where, "Metadata": {"x": "1"}, "ContentType": "text/y"}
    )
    headers = {"x-amz-meta-x": "1", "content-type": "text/y"}
    assert httpx.put(tagged, content=b"body", headers=headers).status_code == 200
    assert client.head_object(Bucket=BUCKET, Key="a b/ü")["Metadata"] == {"x": "1"}
    assert httpx.put(tagged, content=b"body", headers={"x-amz-meta-x": "2"}).status_code == 403
    assert httpx.get(get.replace("/a", "/b")).status_code == 403
    short = client.generate_presigned_url("get_object", Params=where, ExpiresIn=1)
    time.sleep(2.2)
    answer = httpx.get(short)
    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code><Message>Request has expired</Message>" in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:{port}", 200),
        ("localhost", 200),
        ("bucket.localhost:{port}", 200),
        ("bucket.s3.localhost:{port}", 200),
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("127.0.0.1:1", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
    ],
)
def test_only_names_of_this_machine_are_answered(
    server: Server, client: "S3Client", host: str, status: int
) -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"body")
    host = host.format(port=server.port)
    path = "/k" if host.startswith("bucket.") else f"/{BUCKET}/k"
    request = signed_request(server, "GET", path, {"host": host})
    answer = send(server, "GET", path, request.headers)
    assert answer[0] == status
    if status == 200:
        assert answer[1] == b"body"


def test_page_of_another_origin_gets_nothing_unless_the_bucket_says_so(
    server: Server, client: "S3Client"
) -> None:
    origin = {"Origin": "https://page.example"}
    asked = {**origin, "Access-Control-Request-Method": "GET"}
    client.put_object(Bucket=BUCKET, Key="k", Body=b"body")

    def signed() -> tuple[int, bytes, Mapping[str, str]]:
        request = signed_request(server, "GET", f"/{BUCKET}/k", origin)
        return send(server, "GET", f"/{BUCKET}/k", request.headers)

    assert send(server, "GET", f"/{BUCKET}/k", origin)[0] == 403
    assert send(server, "OPTIONS", f"/{BUCKET}/k", asked)[0] == 403
    assert not [name for name in signed()[2] if name.startswith("access-control")]
    rule: Any = {"AllowedOrigins": ["https://*.example"], "AllowedMethods": ["GET"]}
    client.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    try:
        status, body, headers = signed()
        assert (status, body) == (200, b"body")
        assert headers["access-control-allow-origin"] == "https://page.example"
        assert send(server, "OPTIONS", f"/{BUCKET}/k", asked)[0] == 200
        assert send(server, "GET", f"/{BUCKET}/k", origin)[0] == 403
        other = {**asked, "Origin": "https://page.other"}
        assert send(server, "OPTIONS", f"/{BUCKET}/k", other)[0] == 403
    finally:
        client.delete_bucket_cors(Bucket=BUCKET)


def test_argument_that_version_2_does_not_sign_changes_no_operation(
    server: Server, client: "S3Client"
) -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"content")
    before = client.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    presigning = server.client(signature_version="s3")
    address = presigning.generate_presigned_url("create_bucket", Params={"Bucket": BUCKET})
    body = "<PublicAccessBlockConfiguration/>"
    assert httpx.put(f"{address}&publicAccessBlock", content=body).status_code == 403
    after = client.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert after == before
    address = presigning.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
    assert httpx.get(address).content == b"content"
    assert httpx.get(f"{address}&attributes").status_code == 403


def test_head_that_does_not_end_is_cut_off(server: Server) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ")
        try:
            for _ in range(40):
                connection.sendall(b"x" * 4096)
                time.sleep(0.01)
            answer = connection.recv(65_536)
        except ConnectionError:
            return
        assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Tagging>",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><Tagging><TagSet/></Tagging>',
        b"<Tagging>" + b"<a>" * 100_000,
        b"\xff",
        b"[" * 1000,
        b'<?xml version="1.0" encoding="x"?><Tagging/>',
    ],
)
def test_document_that_is_none_is_refused(server: Server, client: "S3Client", body: bytes) -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"body")
    path = f"/{BUCKET}/k?tagging"
    request = signed_request(server, "PUT", path)
    status, answer, _ = send(server, "PUT", path, request.headers, body)
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)
    request = signed_request(server, "PUT", path)
    status, answer, _ = send(server, "PUT", path, request.headers, b"x" * (2 << 20))
    assert (status, b"<Code>MaxMessageLengthExceeded</Code>" in answer) == (400, True)


@pytest.mark.parametrize("path", ["/%ff", "/bucket/%ff", "/bucket?prefix=%ff", "/bucket?x=1"])
def test_address_that_is_none_is_a_fault_of_the_request(server: Server, path: str) -> None:
    request = signed_request(server, "GET", path)
    status, body, _ = send(
        server,
        "GET",
        urlsplit(request.url)._replace(scheme="", netloc="").geturl(),
        request.headers,
    )
    assert status in (400, 501)
    assert body.startswith(b"<?xml")
