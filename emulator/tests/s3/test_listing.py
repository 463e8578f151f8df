"""Listings: order, prefixes, delimiters, and pages whose tokens are places."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from s3_server import BUCKET, Server, code, keys

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

KEYS = ["a", "a-b/1", "a/", "a/1", "a/2", "a/b/3", "b", "c/d/e", "ü/1", "z z/+"]


@pytest.fixture
def filled(client: "S3Client") -> "S3Client":
    for key in KEYS:
        client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    return client


def rolled(keys: list[str], prefix: str, delimiter: str) -> list[str]:
    """What S3's reference says is listed, in order: keys and common prefixes."""
    found = []
    for key in sorted(keys, key=str.encode):
        if key.startswith(prefix):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            item = key if end < 0 else key[: end + len(delimiter)]
            if item not in found:
                found.append(item)
    return found


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "none", "z z/"])
@pytest.mark.parametrize("delimiter", ["", "/", "b", "-b/"])
def test_pages_are_the_whole(filled: "S3Client", prefix: str, delimiter: str) -> None:
    expected = rolled(KEYS, prefix, delimiter)
    arguments: dict[str, Any] = {"Bucket": BUCKET, "Prefix": prefix, "Delimiter": delimiter}
    for operation, kind in (("list_objects_v2", "Contents"), ("list_objects", "Contents"),
                            ("list_object_versions", "Versions")):  # fmt: skip
        pages: Any = filled.get_paginator(operation).paginate(  # type: ignore[call-overload]
            **arguments, PaginationConfig={"PageSize": 2}
        )
        found = []
        for page in pages:
            items = [entry["Key"] for entry in page.get(kind, [])]
            items += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
            assert len(items) <= 2
            found += sorted(items, key=str.encode)
        assert found == expected, operation


def test_deleting_while_paging_skips_nothing(client: "S3Client") -> None:
    names = [f"k{number:03}" for number in range(60)]
    for name in names:
        client.put_object(Bucket=BUCKET, Key=name, Body=b"")
    seen = []
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, PaginationConfig={"PageSize": 7}
    )
    for page in pages:
        for entry in page.get("Contents", []):
            seen.append(entry["Key"])
            client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    assert seen == names
    assert keys(client) == []


def test_listing_begins_behind_a_key(filled: "S3Client") -> None:
    assert keys(filled, StartAfter="a/1") == ["a/2", "a/b/3", "b", "c/d/e", "z z/+", "ü/1"]
    page = filled.list_objects_v2(Bucket=BUCKET, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)
    entry = filled.list_objects_v2(Bucket=BUCKET, Prefix="b", FetchOwner=True)["Contents"][0]
    assert (entry["Size"], entry["StorageClass"], "Owner" in entry) == (1, "STANDARD", True)


@pytest.mark.parametrize(
    "arguments",
    [
        {"ContinuationToken": "nonsense"},
        {"ContinuationToken": "ü"},
        {"MaxKeys": -1},
        {"EncodingType": "x"},
    ],
)
def test_wrong_argument_is_refused(client: "S3Client", arguments: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        client.list_objects_v2(Bucket=BUCKET, **arguments)
    assert code(refused) == ("InvalidArgument", 400)


def test_listing_of_no_bucket(client: "S3Client", server: Server) -> None:
    for name in ("no-such-bucket", "..", "a..b"):
        with pytest.raises(ClientError) as refused:
            client.list_objects_v2(Bucket=name) if name == "no-such-bucket" else raw_list(
                server, name
            )
        assert code(refused)[1] in (400, 404)


def raw_list(server: Server, name: str) -> None:
    client = server.client()
    client.meta.events.unregister(
        "before-parameter-build.s3", __import__("botocore.handlers").handlers.validate_bucket_name
    )
    client.list_objects_v2(Bucket=name)


def test_buckets_come_in_pages(client: "S3Client") -> None:
    for number in range(3):
        client.create_bucket(Bucket=f"page-{number}")
    pages = client.get_paginator("list_buckets").paginate(
        Prefix="page-", PaginationConfig={"PageSize": 2}
    )
    names = [[bucket["Name"] for bucket in page["Buckets"]] for page in pages]
    assert names == [["page-0", "page-1"], ["page-2"]]
