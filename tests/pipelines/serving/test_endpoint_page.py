"""The examples of docs/endpoint.md: what they send is read, and what they show is true."""

import io
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest

from pipelines.builders.interface import ANSWER
from pipelines.root import ROOT
from pipelines.steps import record

import request  # isort: skip  # of steps/, found by pipelines.steps

PAGE = (ROOT / "docs" / "endpoint.md").read_text(encoding="utf-8")
PHOTO = bytes(range(256)) * 20
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def block(name: str) -> str:
    found = re.search(rf"^```\w+ {name}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/endpoint.md has no block {name}"
    return found[1]


ITEMS = json.loads(block("record"))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    (tmp_path / "record.json").write_text(block("record"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Runtime:
    """InvokeEndpoint that keeps what the model would read."""

    def __init__(self) -> None:
        self.asked: list[request.Content] = []

    def invoke_endpoint(
        self, EndpointName: str, ContentType: str, Body: Any, CustomAttributes: str = ""
    ) -> dict[str, io.BytesIO]:
        body = Body.encode() if isinstance(Body, str) else Body
        headers = {ATTRIBUTES.lower(): CustomAttributes}
        self.asked.append(request.read(body, ContentType, headers))
        return {"Body": io.BytesIO(block("answer").encode())}


@pytest.mark.parametrize("name", ["image", "form", "json"])
def test_each_example_with_boto3_sends_photo_and_record(
    files: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    runtime = Runtime()
    monkeypatch.setattr("boto3.client", lambda service: runtime)
    found: dict[str, Any] = {}
    exec(block(name), found)
    wanted = record.Record(3) if name == "image" else record.parse(ITEMS)
    assert runtime.asked == [request.Content(PHOTO, wanted)]
    assert found["answer"]["verdict"] == "pass"


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[request.Content]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        assert "/sagemaker/aws4_request" in headers["authorization"]
        self.asked.append(request.read(body, self.headers["Content-Type"], headers))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_examples_with_curl_send_photo_and_record(files: Path, address: str) -> None:
    Handler.asked.clear()
    point, commands = block("curl").split("\n", 1)
    assert point == 'eval "$(python pipeline.py emulator env)"'
    variables = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
    }
    subprocess.run(
        ["bash", "-euc", commands],
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        timeout=60,
    )
    records = [record.Record(3), record.parse(ITEMS)]
    assert Handler.asked == [request.Content(PHOTO, one) for one in records]


def test_the_answer_on_the_page_follows_the_schema() -> None:
    jsonschema.validate(json.loads(block("answer")), json.loads(ANSWER.read_text()))
