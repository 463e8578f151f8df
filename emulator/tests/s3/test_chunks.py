"""Bodies in chunks, signed or not, and their trailers."""

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest
from s3_server import BUCKET, Server, keys, send, signed_request

from sagemaker_emulator.aws.signature import signing_key
from sagemaker_emulator.credentials import Credentials

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


CONTENT = bytes(range(256)) * 100
SHA1 = f"x-amz-checksum-sha1:{base64.b64encode(hashlib.sha1(CONTENT).digest()).decode()}"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


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
