"""Objects as the console shows them."""

import gzip
import io
import tarfile
from urllib.parse import quote

import pytest
from bs4 import BeautifulSoup
from console_client import ConsoleClient
from emulator_process import BUCKET, Emulator

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")


@pytest.fixture
def put(emulator: Emulator, name: str) -> "Put":
    return Put(emulator, name)


class Put:
    def __init__(self, emulator: Emulator, prefix: str) -> None:
        self._s3, self._prefix = emulator.client("s3"), prefix

    def __call__(self, name: str, content: bytes, content_type: str = "") -> str:
        """Upload an object, and return its key."""
        key = f"{self._prefix}/{name}"
        more = {"ContentType": content_type} if content_type else {}
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=content, **more)
        return key


def raw(key: str) -> str:
    return f"/console/artifacts/raw/{BUCKET}/{quote(key)}"


def preview(console: ConsoleClient, key: str) -> BeautifulSoup:
    return console.get("/console/artifacts/preview", uri=f"s3://{BUCKET}/{key}")


@pytest.mark.parametrize(
    ("name", "stated", "sent"),
    [
        ("page.html", "", "text/html; charset=utf-8"),
        ("data", "text/html", "text/html; charset=utf-8"),
        ("drawing.svg", "", "image/svg+xml"),
        ("notes.txt", "", "text/plain; charset=utf-8"),
        ("script.js", "text/javascript", "text/plain; charset=utf-8"),
        ("data.json", "", "text/plain; charset=utf-8"),
        ("page.xhtml", "application/xhtml+xml", "application/octet-stream"),
        ("weights.pt", "", "application/octet-stream"),
    ],
)
def test_an_object_itself_is_in_a_sandbox_without_scripts(
    console: ConsoleClient, put: Put, name: str, stated: str, sent: str
) -> None:
    response = console.http.get(raw(put(name, b"<script>1</script>", stated)))
    policy = response.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';") and "script-src" not in policy
    assert response.headers["content-type"] == sent
    assert response.headers["x-content-type-options"] == "nosniff"
    saved = response.headers["content-disposition"].startswith("attachment")
    assert saved == (sent == "application/octet-stream")


def test_an_object_is_saved_under_the_last_part_of_its_key(
    console: ConsoleClient, put: Put
) -> None:
    key = put("a/tëst \n%.png", PNG)
    response = console.http.get(
        f"/console/artifacts/raw/{BUCKET}", params={"key": key, "download": "1"}
    )
    assert response.content == PNG
    disposition = response.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''t%C3%ABst%20%0A%25.png"


@pytest.mark.parametrize(
    "name", ["a b", "%41%", "what?#x", "日本/ü.txt", "a//b", "quo\"te'", "back\\slash", "new\nline"]
)
def test_any_key_can_be_opened(console: ConsoleClient, put: Put, name: str) -> None:
    part = preview(console, put(f"{name}.png", PNG))
    image = part.select_one("img")
    assert image is not None
    assert console.http.get(str(image["src"])).content == PNG


def test_json_is_shown_with_indentation(console: ConsoleClient, put: Put) -> None:
    part = preview(console, put("a.json", b'{"a":[1,{"b":"\\ud800<b>"}]}'))
    assert '{\n  "a": [\n    1,\n    {\n      "b": "?<b>"' in part.get_text()


@pytest.mark.parametrize(
    "content",
    [b"{", b"[" * 100_000, b"[" * 900 + b"1," * 100_000 + b"1" + b"]" * 900, b"1" * 5000],
    ids=["broken", "deep", "wide and deep", "a long number"],
)
def test_json_that_cannot_be_formatted_is_shown_as_it_is(
    console: ConsoleClient, put: Put, content: bytes
) -> None:
    shown = preview(console, put("a.json", content)).select_one("pre")
    assert shown is not None and shown.get_text().strip() == content.decode()


def test_csv_is_a_table_of_its_first_rows(console: ConsoleClient, put: Put) -> None:
    rows = ["id,count", '1,"2,5"', "3", *(f"{i},0" for i in range(1000))]
    part = preview(console, put("a.csv", "\n".join(rows).encode()))
    cells = [[cell.get_text() for cell in row.select("td, th")] for row in part.select("tr")]
    assert cells[:3] == [["id", "count"], ["1", "2,5"], ["3", ""]]
    assert len(cells) == 201
    assert "The first 200 rows." in part.get_text()


def test_a_long_text_is_cut_between_characters(console: ConsoleClient, put: Put) -> None:
    part = preview(console, put("a.log", b"x" + "ü".encode() * 400_000))
    shown = part.select_one("pre")
    assert shown is not None and set(shown.get_text().strip()) == {"x", "ü"}
    assert "The first 512 KiB." in part.get_text()


def test_html_is_a_frame_in_a_sandbox(console: ConsoleClient, put: Put) -> None:
    key = put("a.html", b"<script>parent.document.title = 'x'</script>")
    frame = preview(console, key).select_one("iframe")
    assert frame is not None
    assert frame.has_attr("sandbox") and not frame["sandbox"]  # nothing is allowed
    assert frame["src"] == raw(key)


def test_an_archive_lists_its_files(console: ConsoleClient, put: Put) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("code/serve.py")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    part = preview(console, put("model.tar.gz", packed.getvalue()))
    assert [cell.get_text() for cell in part.select("td")] == ["code/serve.py", "3 bytes"]


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("a.bin", b"\0\1", "it is not text"),
        ("a.txt", b"\xff\xfe", "it is not text"),
        ("a.txt", b"", "is empty"),
        ("a.tar.gz", b"no archive", "No preview: "),
        ("a.tar.gz", gzip.compress(b"no archive", mtime=0), "No preview: "),
    ],
)
def test_what_cannot_be_shown_says_why(
    console: ConsoleClient, put: Put, name: str, content: bytes, note: str
) -> None:
    assert note in preview(console, put(name, content)).get_text()


def test_an_object_that_is_missing_is_a_problem(console: ConsoleClient, name: str) -> None:
    assert "NoSuchKey" in preview(console, name).get_text()
    assert "NoSuchKey" in console.get(raw(name), 404).get_text()
