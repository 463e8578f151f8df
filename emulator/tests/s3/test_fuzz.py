"""Requests at random, with a fixed seed: every wrong one is a fault of the request."""

import http.client
import random
from urllib.parse import quote, urlsplit

from s3_server import BUCKET, Server, signed_request

REQUESTS = 600
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH")
PATHS = (
    "/",
    f"/{BUCKET}",
    f"/{BUCKET}/",
    f"/{BUCKET}/k",
    f"/{BUCKET}/k/",
    "/none",
    "/none/k",
    "/..",
)
ARGUMENTS = (
    *("acl", "tagging", "uploads", "uploadId", "partNumber", "list-type", "prefix", "delimiter"),
    *("max-keys", "continuation-token", "versionId", "delete", "policy", "cors", "lifecycle"),
    *("encoding-type", "marker", "key-marker", "attributes", "max-uploads", "versions", "x-id"),
    *("response-content-type", "start-after", "location", "versioning", "publicAccessBlock"),
)
HEADERS = (
    *("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"),
    *("content-md5", "content-type", "x-amz-checksum-crc32", "x-amz-checksum-sha256"),
    *("x-amz-copy-source", "x-amz-copy-source-range", "x-amz-metadata-directive", "x-amz-tagging"),
    *("x-amz-storage-class", "x-amz-acl", "x-amz-meta-a", "x-amz-object-attributes", "expect"),
    *("x-amz-max-parts", "x-amz-part-number-marker", "x-amz-checksum-algorithm", "x-amz-trailer"),
    *("x-amz-decoded-content-length", "x-amz-expected-bucket-owner", "origin", "x-amz-unknown"),
)
VALUES = (
    *("", "0", "1", "2", "-1", "1" * 30, "²", "x", "*", '"x"', "bytes=0-", "bytes=5-1", "null"),
    *("AAAAAA==", "CRC32", "COPY", "REPLACE", f"/{BUCKET}/k", f"{BUCKET}/%ff", "a=b&a=c", "%"),
    *("Mon, 30 Nov 2026 99:99:99 GMT", "1e400", "ETag,ObjectParts", "\x7f", "ü", "a" * 2000),
    *("x-amz-checksum-crc32", "100-continue", "https://page.example", "../x", "s3://[x"),
)
BODIES = (
    *(b"", b"x", b"{", b"[]", b"\xff", b"<a/>", b"<Tagging/>", b"<Delete/>", b"[" * 5000),
    b"<CompleteMultipartUpload><Part><PartNumber>\xc2\xb2</PartNumber></Part></CompleteMultipartUpload>",
    b"<Delete><Object><Key>..</Key><VersionId>x</VersionId></Object></Delete>",
    b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
)


def test_no_request_is_a_fault_of_the_server(server: Server) -> None:
    seed = random.Random(14)
    server.client().put_object(Bucket=BUCKET, Key="k", Body=b"body")
    statuses: dict[int, int] = {}
    for _ in range(REQUESTS):
        method, path = seed.choice(METHODS), seed.choice(PATHS)
        names = seed.sample(ARGUMENTS, seed.randrange(3))
        query = "&".join(f"{name}={quote(seed.choice(VALUES))}" for name in names)
        path = f"{path}?{query}" if query else path
        chosen = seed.sample(HEADERS, seed.randrange(4))
        headers = {name: _sendable(seed.choice(VALUES)) for name in chosen}
        body = seed.choice(BODIES) if method in ("PUT", "POST", "PATCH") else b""
        request = signed_request(server, method, path, headers)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        target = urlsplit(request.url)._replace(scheme="", netloc="").geturl()
        sent = {name: value.encode("latin-1") for name, value in request.headers.items()}
        connection.request(method, target, body, sent)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        about = (method, path, headers, body, response.status, answer)
        assert response.status < 500 or response.status == 501, about
        if response.status >= 400 and method != "HEAD" and answer:
            assert answer.startswith((b"<?xml", b"Invalid HTTP request")), about
        statuses[response.status // 100] = statuses.get(response.status // 100, 0) + 1
    assert statuses[2] > REQUESTS // 50  # some are right
    assert server.client().list_buckets()["Buckets"]


def _sendable(value: str) -> str:
    return value.encode("latin-1", "ignore").decode("latin-1")
