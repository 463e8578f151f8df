"""Uploads in parts, and checksums."""

import base64
import hashlib
import os
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from s3_server import BUCKET, Server, code, keys

from sagemaker_emulator.s3 import checksums

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PART = 5 << 20
CONTENT = os.urandom(PART) + b"tail"


def begin(client: "S3Client", key: str = "k", **arguments: Any) -> dict[str, Any]:
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key, **arguments)
    return {"Bucket": BUCKET, "Key": key, "UploadId": upload["UploadId"]}


def put_parts(client: "S3Client", upload: dict[str, Any], **arguments: Any) -> list[Any]:
    parts = []
    for number, body in ((1, CONTENT[:PART]), (2, CONTENT[PART:])):
        part = client.upload_part(**upload, PartNumber=number, Body=body, **arguments)
        sums = {name: text for name, text in part.items() if name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": part["ETag"], **sums})
    return parts


def test_aborting_uploads_while_they_are_listed_skips_none(client: "S3Client") -> None:
    uploads = [begin(client, key) for key in ("a", "same", "same", "same", "same", "z/1", "z/2")]
    seen = []
    markers: dict[str, Any] = {}
    while True:
        page = client.list_multipart_uploads(Bucket=BUCKET, MaxUploads=1, **markers)
        for upload in page.get("Uploads", []):
            seen.append(upload["UploadId"])
            client.abort_multipart_upload(
                Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]
            )
        if not page["IsTruncated"]:
            break
        markers = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }
    assert seen == [upload["UploadId"] for upload in uploads]  # those of one key as they began


def test_parts_become_one_object_even_over_a_restart(own_server: Server) -> None:
    client = own_server.client()
    upload = begin(client, Metadata={"x": "1"}, ContentType="text/plain", Tagging="a=b")
    parts = put_parts(client, upload)
    own_server.stop()
    own_server.start()
    client = own_server.client()
    assert keys(client) == []
    listed = client.list_parts(**upload)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, PART), (2, 4)]
    under_way = client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert [entry["UploadId"] for entry in under_way] == [upload["UploadId"]]
    done = client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    digests = hashlib.md5(CONTENT[:PART]).digest() + hashlib.md5(CONTENT[PART:]).digest()
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    found = client.get_object(Bucket=BUCKET, Key="k")
    assert found["Body"].read() == CONTENT
    assert (found["Metadata"], found["ContentType"], found["TagCount"]) == (
        {"x": "1"},
        "text/plain",
        1,
    )
    second = client.get_object(Bucket=BUCKET, Key="k", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (b"tail", 2)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)
    assert not list((own_server.state / "s3-uploads/parts").iterdir())


def test_wrong_completion_leaves_the_upload(client: "S3Client") -> None:
    upload = begin(client)
    one, two = put_parts(client, upload)
    small = client.upload_part(**upload, PartNumber=3, Body=b"x")
    three = {"PartNumber": 3, "ETag": small["ETag"]}
    cases: tuple[tuple[Any, str], ...] = (
        ([{**one, "ETag": '"other"'}], "InvalidPart"),
        ([{"PartNumber": 9, "ETag": one["ETag"]}], "InvalidPart"),
        ([two, one], "InvalidPartOrder"),
        ([one, two, three], "EntityTooSmall"),
        ([], "MalformedXML"),
    )
    for parts, answer in cases:
        with pytest.raises(ClientError) as refused:
            client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        assert code(refused) == (answer, 400)
    client.put_object(Bucket=BUCKET, Key="k", Body=b"before")
    with pytest.raises(ClientError) as refused:
        client.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": [one, two]}, IfNoneMatch="*"
        )
    assert code(refused) == ("PreconditionFailed", 412)
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"before"
    client.abort_multipart_upload(**upload)
    with pytest.raises(ClientError) as refused:
        client.list_parts(**upload)
    assert code(refused) == ("NoSuchUpload", 404)
    with pytest.raises(ClientError) as refused:
        client.upload_part(**upload, PartNumber=1, Body=b"")
    assert code(refused) == ("NoSuchUpload", 404)


@pytest.mark.parametrize("number", [0, 10_001])
def test_number_of_a_part_is_bounded(client: "S3Client", number: int) -> None:
    upload = begin(client)
    with pytest.raises(ClientError) as refused:
        client.upload_part(**upload, PartNumber=number, Body=b"")
    assert code(refused) == ("InvalidArgument", 400)
    client.abort_multipart_upload(**upload)


def test_part_is_copied_from_an_object(client: "S3Client") -> None:
    client.put_object(Bucket=BUCKET, Key="source", Body=CONTENT)
    upload = begin(client)
    where: Any = {**upload, "CopySource": {"Bucket": BUCKET, "Key": "source"}}
    parts: list[Any] = []
    for number, text in ((1, f"bytes=0-{PART - 1}"), (2, f"bytes={PART}-{PART + 3}")):
        copied = client.upload_part_copy(**where, PartNumber=number, CopySourceRange=text)
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    with pytest.raises(ClientError) as refused:
        client.upload_part_copy(**where, PartNumber=3, CopySourceRange=f"bytes=0-{PART + 4}")
    assert code(refused) == ("InvalidArgument", 400)
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == CONTENT


def digest(algorithm: str, content: bytes) -> str:
    hasher = checksums.hasher(algorithm)
    hasher.update(content)
    return checksums.encode(hasher.digest())


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("SHA256", "COMPOSITE"),
        ("CRC64NVME", "FULL_OBJECT"),
    ],
)
def test_checksum_of_an_object_of_parts(client: "S3Client", algorithm: str, kind: str) -> None:
    upload = begin(client, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    name = algorithm.lower()
    parts: list[Any] = []
    digests = b""
    for number, body in ((1, CONTENT[:PART]), (2, CONTENT[PART:])):
        given: Any = {f"Checksum{algorithm}": digest(name, body)}
        part = client.upload_part(**upload, PartNumber=number, Body=body, **given)
        parts.append({"PartNumber": number, "ETag": part["ETag"], **given})
        digests += base64.b64decode(given[f"Checksum{algorithm}"])
    expected = digest(name, CONTENT) if kind == "FULL_OBJECT" else f"{digest(name, digests)}-2"
    done: Any = client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert done[f"Checksum{algorithm}"] == expected
    head: Any = client.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (expected, kind)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksum_is_compared_kept_and_given_back(client: "S3Client", algorithm: str) -> None:
    content = CONTENT[:100_000]
    member = f"Checksum{algorithm}"
    right = digest(algorithm.lower(), content)
    given: Any = {member: right}
    put: Any = client.put_object(Bucket=BUCKET, Key="k", Body=content, **given)
    assert put[member] == right
    head: Any = client.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
    assert head[member] == right
    wrong: Any = {member: digest(algorithm.lower(), b"other")}
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key="k", Body=b"content", **wrong)
    assert code(refused) == ("BadDigest", 400)
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key="k", Body=b"content", ContentMD5="AAAA")
    assert code(refused) == ("InvalidDigest", 400)
    with pytest.raises(ClientError) as refused:
        client.put_object(
            Bucket=BUCKET, Key="k", Body=b"content", ContentMD5=digest("md5", b"other")
        )
    assert code(refused) == ("BadDigest", 400)
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == content


def test_own_crcs_are_right() -> None:
    assert digest("crc32c", b"123456789") == base64.b64encode(bytes.fromhex("e3069283")).decode()
    assert digest("crc64nvme", b"123456789") == checksums.encode(bytes.fromhex("ae8b14860a799888"))
    same = checksums._Crc(0xEDB88320, 4)  # CRC32, which zlib has
    for length in (0, 1, 255, 4096, 4097, 100_003):
        assert same(CONTENT[:length]) == zlib.crc32(CONTENT[:length])
        assert same(CONTENT[length:200_000], same(CONTENT[:length])) == zlib.crc32(
            CONTENT[:200_000]
        )
