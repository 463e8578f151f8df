"""S3 in the console."""

from typing import Any

import pytest
from bs4 import BeautifulSoup
from console_client import ConsoleClient
from emulator_process import Emulator

KEYS = [
    *("a b%20c/what?x#y.txt", "日本/ü.txt", "a//b", "/lead", "new\nline/tab\t", "\"<b>&'/x"),
    *("back\\slash", "+plus&amp;=", "100%/50%25", "a;b,c:d@e!~", "%2F/%2e%2e", "a /b ", "//", "f/"),
]


@pytest.fixture
def s3(emulator: Emulator) -> Any:
    return emulator.client("s3")


@pytest.fixture
def bucket(s3: Any, name: str) -> str:
    s3.create_bucket(Bucket=name)
    return name


def keys(s3: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def links(page: BeautifulSoup) -> dict[str, str]:
    """The addresses of a listing by the names shown."""
    return {link.get_text(): str(link["href"]) for link in page.select("td a")}


def test_buckets_are_listed_and_filtered_by_a_part_of_their_names(
    console: ConsoleClient, bucket: str
) -> None:
    assert links(console.get("/console/s3", filter=bucket[3:9]))[bucket] == f"/console/s3/{bucket}"
    assert "No bucket" in console.get("/console/s3", filter="none-such").get_text()


def test_a_bucket_is_created(console: ConsoleClient, s3: Any, name: str) -> None:
    response = console.post("/console/s3", console.get("/console/s3"), bucket=name)
    assert response.headers["location"] == f"/console/s3/{name}"
    s3.head_bucket(Bucket=name)


def test_a_name_that_s3_refuses_is_shown_with_the_reason(console: ConsoleClient) -> None:
    page = console.get("/console/s3")
    assert "InvalidBucketName" in console.post("/console/s3", page, 400, bucket="NO").text


def test_a_folder_lists_its_folders_and_objects(
    console: ConsoleClient, s3: Any, bucket: str
) -> None:
    for key in ("data/a.txt", "data/deep/b.txt", "other.txt"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"12345")
    page = console.get(f"/console/s3/{bucket}/data/")
    assert links(page) == {
        "deep/": f"/console/s3/{bucket}/data/deep/",
        "a.txt": f"/console/s3/{bucket}/data/a.txt",
    }
    assert "5 bytes" in page.get_text()
    assert page.select_one(f"nav.path a[href='/console/s3/{bucket}']")


def test_a_folder_is_filtered_by_the_beginning_of_names(
    console: ConsoleClient, s3: Any, bucket: str
) -> None:
    for key in ("d/apple", "d/pear"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert list(links(console.get(f"/console/s3/{bucket}/d/", filter="ap"))) == ["apple"]
    assert "No name here" in console.get(f"/console/s3/{bucket}/d/", filter="z").get_text()


def test_a_page_has_a_thousand_names_and_leads_to_the_next(
    console: ConsoleClient, s3: Any, bucket: str
) -> None:
    expected = [f"{number:04}&" for number in range(1003)]
    for key in expected:
        s3.put_object(Bucket=bucket, Key=f"é/{key}", Body=b"")
    first = console.get(f"/console/s3/{bucket}/é/")
    following = first.select_one("a[rel=next]")
    assert following is not None
    second = console.get(str(following["href"]))
    assert [*links(first), *links(second)] == expected
    assert second.select_one("a[rel=next]") is None


@pytest.mark.parametrize("key", KEYS)
def test_an_object_of_any_key_is_reached_by_links_and_deleted(
    console: ConsoleClient, s3: Any, bucket: str, key: str
) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"what it holds")
    page = console.get(f"/console/s3/{bucket}")
    for _ in range(key.count("/") + 1):
        (link,) = page.select("td a")
        page = console.get(str(link["href"]))
    assert "what it holds" in page.get_text()
    download = page.select_one("a.button")
    assert download is not None
    assert console.http.get(str(download["href"])).content == b"what it holds"
    field, form = page.select_one("input[name=key]"), page.select_one("details form")
    assert field is not None and form is not None
    console.post(str(form["action"]), page, key=str(field["value"]))
    assert keys(s3, bucket) == []


@pytest.mark.parametrize("own", ["a b%20c?x#y.txt", "ü/日本.csv", "a//b", "+&="])
def test_a_file_is_uploaded_under_any_name(
    console: ConsoleClient, s3: Any, bucket: str, own: str
) -> None:
    page = console.get(f"/console/s3/{bucket}/in/")
    form = page.select_one("form[enctype]")
    assert form is not None
    files = {"file": ("own.csv", b"a,b\n1,2\n", "text/csv")}
    console.post(str(form["action"]), page, files=files, prefix="in/", name=own)
    found = s3.get_object(Bucket=bucket, Key=f"in/{own}")
    assert (found["Body"].read(), found["ContentType"]) == (b"a,b\n1,2\n", "text/csv")


def test_a_file_has_its_own_name_by_default(console: ConsoleClient, s3: Any, bucket: str) -> None:
    page = console.get(f"/console/s3/{bucket}")
    console.post(f"/console/s3-upload/{bucket}", page, files={"file": ("own.csv", b"1")})
    assert keys(s3, bucket) == ["own.csv"]


def test_a_file_that_is_too_large_is_refused(console: ConsoleClient, s3: Any, bucket: str) -> None:
    page = console.get(f"/console/s3/{bucket}")
    files = {"file": ("large", bytes(27 << 20))}
    console.post(f"/console/s3-upload/{bucket}", page, 413, files=files)
    assert keys(s3, bucket) == []


def test_an_object_shows_its_metadata_and_tags(
    console: ConsoleClient, s3: Any, bucket: str
) -> None:
    etag = s3.put_object(
        Bucket=bucket,
        Key="a.json",
        Body=b'{"a":1}',
        ContentType="application/json",
        Metadata={"made-by": "test"},
        Tagging="team=bins",
    )["ETag"]
    text = console.get(f"/console/s3/{bucket}/a.json").get_text(" ")
    for part in (etag, "application/json", "made-by", "test", "team", "bins", '"a": 1'):
        assert part in text


def test_the_address_of_a_folder_needs_no_slash(
    console: ConsoleClient, s3: Any, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="model/a", Body=b"")
    response = console.http.get(f"/console/s3/{bucket}/model")
    assert response.headers["location"] == f"/console/s3/{bucket}/model/"


@pytest.mark.parametrize("path", ["none-such", "none-such/a/", "none-such/a"])
def test_what_is_missing_is_a_problem(console: ConsoleClient, path: str) -> None:
    assert "NoSuch" in console.get(f"/console/s3/{path}", 404).get_text()


def test_an_object_that_is_missing_is_not_deleted(
    console: ConsoleClient, s3: Any, bucket: str
) -> None:
    page = console.get(f"/console/s3/{bucket}")
    console.post(f"/console/s3-delete/{bucket}", page, 404, key="none")


@pytest.mark.parametrize("path", ["s3", "s3-upload/b", "s3-delete/b"])
def test_a_form_of_another_site_changes_nothing(
    console: ConsoleClient, s3: Any, bucket: str, path: str
) -> None:
    response = console.http.post(f"/console/{path}", data={"bucket": "made", "key": "a"})
    assert response.status_code == 403
    assert "made" not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def test_what_was_never_written_is_neither_object_nor_folder(
    console: ConsoleClient, bucket: str
) -> None:
    page = console.get(f"/console/s3/{bucket}/job/output", 404)
    assert f"s3://{bucket}/job/output is neither an object nor a folder" in page.get_text()
