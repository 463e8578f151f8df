"""SageMaker's serving contract over HTTP, for any model that ships the four functions.

    GET  /ping           200 once the model is loaded, 503 before
    POST /invocations    model's input_fn -> predict_fn -> output_fn; errors as {"error": "..."}

Reads $SAGEMAKER_BIND_TO_PORT (8080), $SAGEMAKER_PROGRAM (inference.py) in
$SAGEMAKER_SUBMIT_DIRECTORY (<root>/model/code), where <root> is $OPT_ML or /opt/ml; and, of its
own, $SERVE_HOST (0.0.0.0, as a container is reached from outside). As in AWS's toolkits, a function
that takes one argument more gets the request's context.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn")
MAX_BYTES = 25 * 1024 * 1024  # what InvokeEndpoint itself lets through
GRACE_SECONDS = 20  # for answers under way; SageMaker kills a container 30 s after SIGTERM

log = logging.getLogger("serve")


class StartError(Exception):
    """The model cannot be served; the message says why."""


@dataclass(frozen=True)
class Context:
    """What a function may know of the request, by the method names of AWS's model servers."""

    headers: dict[str, str]

    def get_all_request_header(self, index: int) -> dict[str, str]:
        """The headers of the request; `index` is 0, as requests are not joined here."""
        return self.headers

    def get_request_header(self, index: int, key: str) -> str | None:
        """One header of the request, by name in any case."""
        return self.headers.get(key.lower())


@dataclass(frozen=True)
class Served:
    """A loaded model with its functions."""

    program: ModuleType
    model: Any

    def decode(self, body: bytes, content_type: str | None, context: Context) -> Any:
        """Run input_fn."""
        return _call(self.program.input_fn, context, body, content_type)

    def answer(self, batch: Any, accept: str | None, context: Context) -> Response:
        """Run predict_fn and output_fn."""
        prediction = _call(self.program.predict_fn, context, batch, self.model)
        answer = _call(self.program.output_fn, context, prediction, accept)
        content, kind = answer if isinstance(answer, tuple) else (answer, accept)
        return Response(content, media_type=kind or "application/json")


def load() -> Served:
    """Import the program and load its model.

    Raises:
        StartError: there is no model or no program, it lacks a function, or it cannot load.
    """
    model_dir = Path(os.environ.get("OPT_ML", "/opt/ml"), "model")
    code = Path(os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", model_dir / "code"))
    file = code / os.environ.get("SAGEMAKER_PROGRAM", "inference.py")
    if not file.is_file():
        raise StartError(
            f"no program at {file}; the model's archive must hold it, or SAGEMAKER_PROGRAM and "
            "SAGEMAKER_SUBMIT_DIRECTORY say where it is"
        )
    sys.path.insert(0, str(file.parent))
    os.environ.setdefault("OMP_NUM_THREADS", str(_cores()))  # before torch is imported
    started = time.monotonic()
    program = importlib.import_module(file.stem)
    missing = [name for name in FUNCTIONS if not hasattr(program, name)]
    if missing:
        raise StartError(f"{file} lacks {', '.join(missing)}; needed: {', '.join(FUNCTIONS)}")
    model = _call(program.model_fn, Context({}), str(model_dir))
    log.info("loaded %s in %.1f s", model_dir, time.monotonic() - started)
    return Served(program, model)


class Server:
    """Loads the model beside the event loop, and answers once it is there."""

    def __init__(self) -> None:
        self.served: Served | None = None
        self.failed = False
        # Decoding runs beside a prediction; predictions take turns, since each uses every core.
        self.decoders = ThreadPoolExecutor(_cores(), "decode")
        self.predictor = ThreadPoolExecutor(1, "predict")

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/ping", self.ping),
                Route("/invocations", self.invocations, methods=["POST"]),
            ],
            lifespan=self.lifespan,
            exception_handlers={404: _refuse, 405: _refuse},
        )

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Start loading as the server comes up."""
        threading.Thread(target=self._load, name="load", daemon=True).start()
        yield
        self.decoders.shutdown(cancel_futures=True)
        self.predictor.shutdown(cancel_futures=True)

    def _load(self) -> None:
        try:
            self.served = load()
        except StartError as error:
            log.error("%s", error)
            self.failed = True
        except (Exception, SystemExit):  # a program that leaves would leave only this thread
            log.exception("the model could not be loaded")
            self.failed = True
        if self.failed:
            os.kill(os.getpid(), signal.SIGTERM)

    async def ping(self, request: Request) -> Response:
        """Say whether the model is loaded."""
        return Response(status_code=200 if self.served else 503)

    async def invocations(self, request: Request) -> Response:
        """Answer one request."""
        if self.served is None:
            return _error(503, "the model is still being loaded; try again in some seconds")
        served, context = self.served, Context(dict(request.headers))
        loop = asyncio.get_running_loop()
        try:
            body = await _body(request)
            if body is None:
                return _error(413, f"the body is larger than {MAX_BYTES:,} bytes")
            kind, accept = (request.headers.get(name) for name in ("content-type", "accept"))
            batch = await loop.run_in_executor(self.decoders, served.decode, body, kind, context)
            return await loop.run_in_executor(self.predictor, served.answer, batch, accept, context)
        except ClientDisconnect:
            return _error(400, "the client went away before its request was complete")
        except Exception as error:
            status = getattr(error, "status_code", 500)
            if 400 <= status < 500:
                return _error(status, str(error))
            log.exception("the model failed on a request")
            return _error(500, f"the model failed: {type(error).__name__}; its log says more")


def main() -> int:
    """Serve until SIGTERM, and say by the exit status whether the model could be loaded."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn.access").addFilter(
        lambda record: "/ping" not in record.getMessage()  # asked every few seconds
    )
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        log.error("SAGEMAKER_BIND_TO_PORT is '%s'; give a port number, 1 to 65535", port)
        return 1

    # uvicorn raises the signal again when it has stopped; that is not a failure.
    def stop(number: int, frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server = Server()
    config = uvicorn.Config(
        server.application(),
        host=os.environ.get("SERVE_HOST", "0.0.0.0"),
        port=int(port),
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
    )
    try:
        uvicorn.Server(config).run()
    except SystemExit as leaving:
        return int(leaving.code or 0) or int(server.failed)
    return int(server.failed)


def _call(function: Callable[..., Any], context: Context, *arguments: Any) -> Any:
    takes_context = len(inspect.signature(function).parameters) == len(arguments) + 1
    return function(*arguments, context) if takes_context else function(*arguments)


async def _body(request: Request) -> bytes | None:
    """The body, or None as soon as it is known to be larger than allowed."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > MAX_BYTES:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            return None
    return bytes(body)


def _cores() -> int:
    """The cores of this process: a container is often given fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)


async def _refuse(request: Request, error: Exception) -> Response:
    return _error(
        getattr(error, "status_code", 404),
        f"{request.method} {request.url.path} is not served; use GET /ping or POST /invocations",
    )
