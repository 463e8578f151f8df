"""Serves a model of a framework image: /ping and /invocations over HTTP.

On AWS, these images run the multi-model server, TorchServe or gunicorn around the handlers of the
SageMaker inference toolkit (https://github.com/aws/sagemaker-inference-toolkit). Here the same
toolkit's transformer runs in this process: it loads the user's script, calls its model_fn once, and
for each request its transform_fn, or input_fn, predict_fn and output_fn. What the script lacks, the
framework's own handler does. As on AWS, a script's functions are never called by two threads of a
process at once.
"""

from __future__ import annotations

import http
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment  # since Python 3.11

THREADS = 8  # of which one at a time runs the script; the others answer /ping
Answer = tuple[int, str, bytes]  # status, content type and body


class Model(Protocol):
    """What answers invocations."""

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Answer one request; the names of headers are in lower case."""


def serve(load: Callable[[], Model]) -> int:
    """Load a model and answer requests until SIGTERM; return the container's exit code."""
    import waitress  # only here, as what serves in this module needs no package

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        model = load()
    except Exception as error:
        traceback.print_exc()
        # Last, as the emulator shows the last line of the log first.
        print(f"serve: the model could not be loaded: {error}", file=sys.stderr, flush=True)
        return 1
    host = os.environ.get("SERVE_HOST", "0.0.0.0")
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    print(f"serve: the model is loaded; listening on port {port}", flush=True)
    waitress.serve(application(model), host=host, port=port, threads=THREADS, _quiet=True)
    return 0


def application(model: Model) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """The WSGI application around a loaded model."""
    turn = threading.Lock()
    parameters = getattr(model, "execution_parameters", None)  # what a batch transform may do

    def answer(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        asked = environment["REQUEST_METHOD"], environment["PATH_INFO"]
        if asked == ("GET", "/ping"):
            status, content_type, body = 200, "text/plain", b""
        elif asked == ("GET", "/execution-parameters") and parameters:
            status, content_type, body = 200, "application/json", json.dumps(parameters).encode()
        elif asked == ("POST", "/invocations"):
            data = environment["wsgi.input"].read()
            with turn:
                status, content_type, body = model.invoke(data, _headers(environment))
        else:
            status, content_type, body = 404, "text/plain", b"/ping and /invocations are there"
        line = f"{status} {http.HTTPStatus(status).phrase}"
        start(line, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def _headers(environment: WSGIEnvironment) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environment.items()
        if name.startswith("HTTP_")
    }
    return {**headers, "content-type": environment.get("CONTENT_TYPE") or ""}


class UserModel:
    """A model behind a script's functions, run by the toolkit's transformer.

    Args:
        handler: The framework's DefaultInferenceHandler, for what the script lacks.
    """

    def __init__(self, handler: Any) -> None:
        from sagemaker_inference import environment, transformer

        folder = Path(environment.model_dir)
        sys.path[:0] = [str(path) for path in (fetch_code(folder), folder / "code", folder)]
        self._folder = str(folder)
        self._transformer = transformer.Transformer(handler)
        # PyTorch's handlers take the context, as theirs do in TorchServe.
        context = Context(self._folder, {})
        self._transformer.validate_and_initialize(model_dir=self._folder, context=context)

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Answer one request."""
        context = Context(self._folder, headers)
        (result,) = self._transformer.transform([{"body": body}], context)
        if hasattr(result, "get_data") and hasattr(result, "mimetype"):  # a Flask response
            return result.status_code, result.mimetype, result.get_data()
        if context.status >= 400:
            print(result, file=sys.stderr, flush=True)
        return context.answer(result)


class Context:
    """What the toolkit asks of the multi-model server about one request.

    The methods are those of `mms.context.Context` and its request processor that the toolkit and
    the handlers of AWS's images call.
    """

    def __init__(self, folder: str, headers: dict[str, str]) -> None:
        gpu = 0 if _has_gpu() else None
        self.system_properties = {"model_dir": folder, "gpu_id": gpu, "batch_size": 1}
        self.request_processor = [self]
        self.metrics = self
        self.status = 200
        self.content_type = "application/json"
        self._headers = headers

    def get_request_properties(self) -> dict[str, str]:
        """The request's headers."""
        return self._headers

    def get_request_header(self, index: int, name: str) -> str | None:
        """One header of the request."""
        return self._headers.get(name.lower())

    def set_response_content_type(self, index: int, value: str) -> None:
        """Set the response's content type."""
        self.content_type = value

    def set_response_status(self, code: int, phrase: str, index: int = 0) -> None:
        """Set the response's status; its phrase is HTTP's own."""
        self.status = int(code)

    def add_time(self, name: str, value: float) -> None:
        """Log a metric, in milliseconds."""
        print(f"{name}: {value} ms", flush=True)

    def answer(self, result: str | bytes) -> Answer:
        """The answer with what the handler set and returned."""
        data = result.encode() if isinstance(result, str) else bytes(result)
        return self.status, self.content_type, data


def _has_gpu() -> bool:
    return Path("/dev/nvidia0").exists() and os.environ.get("CUDA_VISIBLE_DEVICES") != ""


def fetch_code(model: Path) -> Path:
    """Return the folder of the user's script, after fetching it and installing what it needs.

    SAGEMAKER_SUBMIT_DIRECTORY names a folder, or a tar.gz in S3, as the SDK leaves it where it does
    not pack the script into the model. As on AWS, its requirements.txt is installed first.

    Raises:
        RuntimeError: pip could not install it.
    """
    source = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY") or str(model / "code")
    if source.startswith("s3://"):
        from sagemaker_training import files

        code = model.parent / "code"
        files.download_and_extract(source, str(code))
    else:
        code = Path(source)
    install_requirements(code)
    return code


def install_requirements(code: Path) -> None:
    """Install what the requirements.txt of a script's folder names, if there is one.

    Raises:
        RuntimeError: pip could not install it.
    """
    if (code / "requirements.txt").is_file():
        command = [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
        if subprocess.run(command, cwd=code, check=False).returncode:
            raise RuntimeError(f"{code}/requirements.txt cannot be installed; see the log")
