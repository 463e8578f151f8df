"""Who gets in: signatures, presigned addresses, chunks, hosts, origins, forms."""

import base64
import hashlib
import http.client
import json
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
from s3_server import BUCKET, Server, code, keys, signed_request

from sagemaker_emulator.aws.signature import signing_key
from sagemaker_emulator.credentials import Credentials

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def send(
    server: Server, method: str, path: str, headers: Mapping[str, Any], body: bytes = b""
) -> tuple[int, bytes, Mapping[str, str]]:
    """Send a request as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    found = {name.lower(): text for name, text in response.getheaders()}
    return response.status, response.read(), found


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


def chunked(
    server: Server, kind: str, content: bytes, trailer: str = "", damage: str = ""
) -> tuple[int, bytes]:
    """Put an object in signed or unsigned chunks of 8 KiB."""
    pair = Credentials.of(server.state)
    headers = {
        "x-amz-content-sha256": kind,
        "x-amz-decoded-content-length": str(len(content)),
        "content-encoding": "aws-chunked",
    }
    if trailer:
        headers["x-amz-trailer"] = trailer.partition(":")[0]
    request = signed_request(server, "PUT", f"/{BUCKET}/chunked", headers)
    seed = request.headers["Authorization"].rpartition("Signature=")[2]
    date = request.headers["X-Amz-Date"]
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    key = signing_key(pair, date[:8], "us-east-1", "s3")

    def sign(algorithm: str, *hashes: str) -> str:
        nonlocal seed
        text = "\n".join((algorithm, date, scope, seed, *hashes)).encode()
        seed = __import__("hmac").digest(key, text, "sha256").hex()
        return seed

    body = b""
    empty = hashlib.sha256(b"").hexdigest()
    pieces = [content[at : at + 8192] for at in range(0, len(content), 8192)]
    for piece in [*pieces, b""]:
        head = f"{len(piece):x}"
        if "HMAC" in kind:
            digest = hashlib.sha256(piece).hexdigest()
            head += f";chunk-signature={sign('AWS4-HMAC-SHA256-PAYLOAD', empty, digest)}"
        sent = b"X" + piece[1:] if damage == "chunk" and piece else piece
        body += f"{head}\r\n".encode() + sent + (b"\r\n" if piece else b"")
    if trailer:
        body += f"{trailer}\r\n".encode()
        if "HMAC" in kind:
            digest = hashlib.sha256(f"{trailer}\n".encode()).hexdigest()
            signature = sign("AWS4-HMAC-SHA256-TRAILER", digest)
            signature = signature[::-1] if damage == "trailer" else signature
            body += f"x-amz-trailer-signature:{signature}\r\n".encode()
    body += b"\r\n"
    body = body[:-10] if damage == "end" else body
    sent_headers = {**request.headers, "content-length": str(len(body))}
    return send(server, "PUT", f"/{BUCKET}/chunked", sent_headers, body)[:2]


CONTENT = bytes(range(256)) * 100
SHA1 = f"x-amz-checksum-sha1:{base64.b64encode(hashlib.sha1(CONTENT).digest()).decode()}"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@pytest.mark.parametrize(
    ("kind", "trailer"),
    [
        (SIGNED, ""),
        (f"{SIGNED}-TRAILER", SHA1),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", SHA1),
    ],
)
def test_chunks_are_put_together(
    server: Server, client: "S3Client", kind: str, trailer: str
) -> None:
    assert chunked(server, kind, CONTENT, trailer)[0] == 200
    found = client.get_object(Bucket=BUCKET, Key="chunked", ChecksumMode="ENABLED")
    assert found["Body"].read() == CONTENT
    assert "ContentEncoding" not in found
    assert found.get("ChecksumSHA1") == (trailer.partition(":")[2] or None)


@pytest.mark.parametrize(
    ("kind", "trailer", "damage", "answer"),
    [
        (SIGNED, "", "chunk", "SignatureDoesNotMatch"),
        (SIGNED, "", "end", "IncompleteBody"),
        (f"{SIGNED}-TRAILER", SHA1, "trailer", "SignatureDoesNotMatch"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", SHA1, "chunk", "BadDigest"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", SHA1, "end", "IncompleteBody"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32:AAAAAA==", "", "BadDigest"),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "", "", "NotImplemented"),
    ],
)
def test_chunks_that_were_changed_are_refused(
    server: Server, client: "S3Client", kind: str, trailer: str, damage: str, answer: str
) -> None:
    status, body = chunked(server, kind, CONTENT, trailer, damage)
    assert f"<Code>{answer}</Code>".encode() in body
    assert 400 <= status < 500 or answer == "NotImplemented"
    assert keys(client) == []


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


@pytest.mark.parametrize("version", [None, "s3v4"])
def test_form_is_taken_as_its_policy_permits(server: Server, version: str | None) -> None:
    client = server.client(signature_version=version)
    post = client.generate_presigned_post(
        BUCKET,
        "up/${filename}",
        Fields={"Content-Type": "text/plain", "x-amz-meta-x": "1"},
        Conditions=[
            {"Content-Type": "text/plain"},
            {"x-amz-meta-x": "1"},
            ["content-length-range", 1, 1_000_000],
        ],
    )
    content = b"a\r\n--b\r\n" * 60_000 + b"\r\n"

    def submit(content: bytes, **changes: str) -> httpx.Response:
        files = {"file": ("photo.jpg", content, "image/jpeg")}
        return httpx.post(post["url"], data={**post["fields"], **changes}, files=files)

    answer = submit(content)
    assert answer.status_code == 204, answer.text
    found = client.get_object(Bucket=BUCKET, Key="up/photo.jpg")
    assert found["Body"].read() == content
    assert (found["ContentType"], found["Metadata"]) == ("text/plain", {"x": "1"})
    wrong = {"x-amz-signature": "0" * 64} if version else {"signature": "AAAA"}
    assert "EntityTooLarge" in submit(b"x" * 1_000_001).text
    assert "EntityTooSmall" in submit(b"").text
    assert "Policy Condition failed" in submit(b"x", key="other").text
    assert "Extra input fields: x-amz-meta-y" in submit(b"x", **{"x-amz-meta-y": "2"}).text
    assert "SignatureDoesNotMatch" in submit(b"x", **wrong).text
    assert keys(client) == ["up/photo.jpg"]


@pytest.mark.parametrize(
    ("field", "value", "answer"),
    [
        ("x-amz-checksum-sha1", base64.b64encode(hashlib.sha1(b"x").digest()).decode(), "204"),
        ("x-amz-checksum-sha1", "AAAA", "BadDigest"),
        ("x-amz-checksum-crc32c", "AAAAAA==", "BadDigest"),
        ("x-amz-object-lock-mode", "GOVERNANCE", "NotImplemented"),
        ("x-amz-server-side-encryption-customer-key", "AAAA", "NotImplemented"),
        ("x-amz-grant-read", "id=1", "NotImplemented"),
        ("x-amz-tagging", "a=b", "NotImplemented"),
        ("content-md5", "AAAA", "NotImplemented"),
        ("if-none-match", "*", "NotImplemented"),
    ],
)
def test_field_of_a_form_is_acted_on_or_refused(
    server: Server, client: "S3Client", field: str, value: str, answer: str
) -> None:
    post = client.generate_presigned_post(
        BUCKET, "k", Fields={field: value}, Conditions=[{field: value}]
    )
    files = {"file": ("name", b"x", "image/jpeg")}
    response = httpx.post(post["url"], data=post["fields"], files=files)
    assert answer in f"{response.status_code} {response.text}"
    assert keys(client) == (["k"] if answer == "204" else [])


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


def test_form_without_a_policy_is_refused(server: Server, client: "S3Client") -> None:
    files = {"file": ("photo.jpg", b"content", "image/jpeg")}
    answer = httpx.post(f"{server.url}/{BUCKET}", data={"key": "k"}, files=files)
    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)
    policy = {"expiration": "2020-01-01T00:00:00Z", "conditions": [{"bucket": BUCKET}]}
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    answer = httpx.post(f"{server.url}/{BUCKET}", data={"key": "k", "policy": text}, files=files)
    assert answer.status_code == 400
    assert keys(client) == []


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
