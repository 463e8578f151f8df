"""Forms of a browser: what their policy permits."""

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from s3_server import BUCKET, Server, keys

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


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


def test_form_without_a_policy_is_refused(server: Server, client: "S3Client") -> None:
    files = {"file": ("photo.jpg", b"content", "image/jpeg")}
    answer = httpx.post(f"{server.url}/{BUCKET}", data={"key": "k"}, files=files)
    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)
    policy = {"expiration": "2020-01-01T00:00:00Z", "conditions": [{"bucket": BUCKET}]}
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    answer = httpx.post(f"{server.url}/{BUCKET}", data={"key": "k", "policy": text}, files=files)
    assert answer.status_code == 400
    assert keys(client) == []
