"""What AWS's TensorFlow image does around TensorFlow Serving: requests, and a script's handlers.

Contract: tensorflowServing.js (without a script), python_service.py and tfs_utils.py (with one) of
aws/sagemaker-tensorflow-serving-container.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from framework_server import Answer, install_requirements
from saved_models import SavedModels


class Context(NamedTuple):
    """What a script's handlers get of a request. There is no gRPC: port and channel are None."""

    model_name: str | None
    model_version: str | None
    method: str | None
    rest_uri: str
    grpc_port: None
    channel: None
    custom_attributes: str | None
    request_content_type: str
    accept_header: str
    content_length: int


class TensorFlowModel:
    """SavedModels behind AWS's invocations.

    Args:
        folder: Of the models; a script is `code/inference.py`.
        models: The SavedModels there.
    """

    def __init__(self, folder: Path, models: SavedModels) -> None:
        self._models = models
        self._default = os.environ.get("SAGEMAKER_TFS_DEFAULT_MODEL_NAME", models.default)
        self._handler = script_handler(folder / "code")
        self._rest = f"http://127.0.0.1:{_serve_rest(models)}" if self._handler else ""

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Answer one request."""
        attributes = tfs_attributes(headers)
        path = f"/v1/models/{attributes.get('tfs-model-name', self._default)}"
        if version := attributes.get("tfs-model-version"):
            path += f"/versions/{version}"
        path += f":{attributes.get('tfs-method', 'predict')}"
        if self._handler is not None:
            return self._run_script(self._handler, body, headers, self._rest + path)
        content_type = headers.get("content-type", "")
        request = to_rest(body.decode("utf-8", "replace"), content_type)
        if request is None:
            kind = content_type or "Unknown"
            answer = {"error": f"Unsupported Media Type: {kind}"}
            return 415, "application/json", json.dumps(answer).encode()
        status, document = self._models.answer("POST", path, request.encode())
        accepted = headers.get("accept", "").replace(" ", "").split(",")
        if {"application/json", "application/jsonlines"} & set(accepted):
            return status, accepted[0], document.replace(b"\n", b"")
        return status, "application/json", document

    @staticmethod
    def _run_script(
        handler: Callable[[Any, Context], Any], body: bytes, headers: dict[str, str], uri: str
    ) -> Answer:
        attributes = tfs_attributes(headers)
        context = Context(
            attributes.get("tfs-model-name"),
            attributes.get("tfs-model-version"),
            attributes.get("tfs-method"),
            uri,
            None,
            None,
            headers.get("x-amzn-sagemaker-custom-attributes"),
            headers.get("content-type") or "application/json",
            headers.get("accept") or "application/json",
            len(body),
        )
        try:
            answer, content_type = handler(io.BytesIO(body), context)
        except Exception as error:
            traceback.print_exc()
            return 500, "application/json", json.dumps({"error": str(error)}).encode()
        return 200, content_type, answer.encode() if isinstance(answer, str) else bytes(answer)


def script_handler(code: Path) -> Callable[[Any, Context], Any] | None:
    """The `handler` of a folder's inference.py, or its input_handler and output_handler in one.

    Returns:
        A function of the request's stream and its context, or None if there is no inference.py.

    Raises:
        NotImplementedError: It has neither.
        RuntimeError: Its requirements.txt cannot be installed.
    """
    if not (code / "inference.py").is_file():
        return None
    if not (code / "lib").is_dir():
        install_requirements(code)
    sys.path[:0] = [str(code), str(code / "lib")]
    spec = importlib.util.spec_from_file_location("inference", code / "inference.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{code}/inference.py cannot be imported")
    script: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    if hasattr(script, "handler"):
        handler: Callable[[Any, Context], Any] = script.handler
        return handler
    if not (hasattr(script, "input_handler") and hasattr(script, "output_handler")):
        raise NotImplementedError("Handlers are not implemented correctly in user script.")

    def handle(data: Any, context: Context) -> Any:
        import requests

        request = script.input_handler(data, context)
        response = requests.post(context.rest_uri, data=request, timeout=None)
        return script.output_handler(response, context)

    return handle


def tfs_attributes(headers: dict[str, str]) -> dict[str, str]:
    """The model, version and method that the custom attributes name."""
    header = headers.get("x-amzn-sagemaker-custom-attributes", "")
    return dict(re.findall(r"(tfs-[a-z\-]+)=([^,]+)", header))


def to_rest(text: str, content_type: str) -> str | None:
    """A request's body for TensorFlow Serving; None for a content type that AWS's image refuses.

    Args:
        text: TensorFlow Serving's own JSON, any other JSON, JSON lines or CSV without a header.
        content_type: Of the request.
    """
    if content_type == "text/csv":
        return '{"instances":[' + ",".join(_csv_rows(text)) + "]}"
    if content_type not in ("application/json", "application/jsonlines", "application/jsons"):
        return None
    if re.search(r'"(instances|inputs|examples)"\s*:', text):
        return text
    if re.search(r"[}\]]\s*[\[{]", text):  # JSON documents one after another
        lines = [line.strip() for line in text.strip().splitlines()]
        rows = ",".join(line for line in lines if line)
        return '{"instances":' + (rows if len(lines) == 1 else f"[{rows}]") + "}"
    return '{"instances":' + (text if re.match(r"\s*\[\s*\[", text) else f"[{text}]") + "}"


def _csv_rows(text: str) -> Iterable[str]:
    """A JSON value for each line; texts are quoted if the first field is neither number nor quoted.

    A line with one column is that value, as AWS's image has it.
    """
    quoted = re.match(r'\s*("|[\d.Ee+\-]+.*)', text) is not None
    for line in filter(None, map(str.strip, text.strip().splitlines())):
        row = line if quoted else ",".join(json.dumps(field) for field in line.split(","))
        yield f"[{row}]" if "," in line else row


def _serve_rest(models: SavedModels) -> int:
    """Serve the models' REST API for a script's handlers; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            status, body = models.answer(self.command, self.path, self.rfile.read(length))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: the script's own request is in the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])
