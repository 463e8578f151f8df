"""The source: a folder, S3 with and without credentials, and what cannot be read."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from preparation.source import bucket_region
from tests.steps.small_source import ROOT, jpeg, manifest, message, run


@pytest.mark.parametrize("address", ["/nowhere/at/all", "EMPTY"])
def test_a_source_without_bins_is_named(root: Path, tmp_path: Path, address: str) -> None:
    (tmp_path / "empty").mkdir()
    source = str(tmp_path / "empty") if address == "EMPTY" else address
    assert run(source) == 1
    assert source in message(root)


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real S3 server that demands signatures; the folder holds its buckets."""
    python = ROOT / ".venv/bin/python"
    if not python.exists():
        pytest.skip("the emulator is not installed: run `make setup`")
    state = tmp_path / "state"
    command, where = [str(python), "-m", "sagemaker_emulator"], ["--state", str(state)]
    subprocess.run([*command, "up", *where, "--images", str(ROOT / "containers")], check=True)
    try:
        variables = subprocess.check_output([*command, "env", "--json", *where])
        for name, value in json.loads(variables).items():
            monkeypatch.setenv(name, value)
        yield state / "s3"
    finally:
        subprocess.run([*command, "down", *where], check=True)


def test_s3_is_read_like_a_folder(source: Path, root: Path, s3: Path) -> None:
    shutil.copytree(source, s3 / "bins" / "some" / "prefix")
    assert run("s3://bins/some/prefix/") == 0
    assert len(manifest(root)["images"]) == 60


def test_odd_names_are_read_from_s3_and_from_a_folder_alike(
    root: Path, s3: Path, tmp_path: Path
) -> None:
    names = ("ü 7%", "a+b&c=d", "#1's (2)", "%41", "ф.x", "e~[1]")
    for number in range(30):
        file = s3 / f"bins/odd/{1 + number % 3}/{names[number % 6]} {number}.JPG"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg(number))
    assert run("s3://bins/odd") == 0
    in_s3 = manifest(root)["images"]
    assert run(s3 / "bins/odd") == 0
    assert len(in_s3) == 30 and manifest(root)["images"] == in_s3
    assert "#1's (2) 2" in {image["id"] for image in in_s3}


def test_a_missing_bucket_is_named(root: Path, s3: Path) -> None:
    assert run("s3://not-there/bins") == 1
    assert "no bucket not-there" in message(root)


def test_denied_access_names_the_missing_permission(
    source: Path, root: Path, s3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(source, s3 / "bins")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    assert run("s3://bins") == 1
    assert "s3:GetObject" in message(root)


def test_a_public_bucket_is_read_unsigned_if_signed_requests_are_denied(
    source: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Public(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if "Authorization" in self.headers:
                return self.respond(403, b"<Error><Code>AccessDenied</Code></Error>")
            if "list-type" in url.query:
                prefix = parse_qs(url.query).get("prefix", [""])[0]
                keys = "".join(
                    f"<CommonPrefixes><Prefix>{folder.name}/</Prefix></CommonPrefixes>"
                    for folder in source.iterdir()
                    if not prefix
                )
                keys += "".join(
                    f"<Contents><Key>{prefix}{file.name}</Key><Size>1</Size><ETag>e</ETag>"
                    "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                    for file in sorted((source / prefix).iterdir())
                    if file.is_file()
                )
                return self.respond(200, f"<ListBucketResult>{keys}</ListBucketResult>".encode())
            return self.respond(200, (source / url.path.removeprefix("/bins/")).read_bytes())

        def respond(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", "e")
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Public) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-somebody")
        assert run("s3://bins") == 0
        server.shutdown()
    assert len(manifest(root)["images"]) == 60


def test_the_region_of_a_bucket_is_read_from_s3() -> None:
    class S3(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(301)
            self.send_header("x-amz-bucket-region", "eu-north-1" if "bins" in self.path else "")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), S3) as server:
        threading.Thread(target=server.handle_request).start()
        host = f"127.0.0.1:{server.server_port}"
        assert bucket_region("bins", host, secure=False) == "eu-north-1"
