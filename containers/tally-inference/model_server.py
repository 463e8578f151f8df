"""SageMaker's serving contract over HTTP, for any model that ships the four functions.

    GET  /ping           200 once the model is loaded, 503 before
    POST /invocations    model's input_fn -> predict_fn -> output_fn; errors as {"error": "..."}

Reads $SAGEMAKER_BIND_TO_PORT (8080), $SAGEMAKER_PROGRAM (inference.py) in
$SAGEMAKER_SUBMIT_DIRECTORY (<root>/model/code), where <root> is $OPT_ML or /opt/ml; and, of its
own, $SERVE_HOST (0.0.0.0, as a container is reached from outside). As in AWS's toolkits, a function
that takes one argument more gets the request's context.

A program may say that requests can be joined, by `MAX_BATCH = N`: then its input_fn gives a list,
its predict_fn (without a context) takes a list of up to N items from several requests and gives a
list as long, and its output_fn gets the part of one request. Without it, requests are predicted one
by one.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import uvicorn
from batching import Batcher, Job
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn")
MAX_BYTES = 25 * 1024 * 1024  # what InvokeEndpoint itself lets through
BODY_SECONDS = 60.0  # for a request to arrive; InvokeEndpoint itself waits no longer for its answer
MOST_UNDER_WAY = 256  # requests; more are told to come again rather than kept in memory
GRACE_SECONDS = 20  # for answers under way; SageMaker kills a container 30 s after SIGTERM

log = logging.getLogger("serve")


class StartError(Exception):
    """The model cannot be served; the message says why."""


@dataclass(frozen=True)
class Context:
    """What a function may know of the request, by the method names of AWS's model servers."""

    headers: dict[str, str]

    def get_all_request_header(self, index: int) -> dict[str, str]:
        """The headers of the request; `index` is 0, as each request is decoded by itself."""
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

    def write(self, prediction: Any, accept: str | None, context: Context) -> Response:
        """Run output_fn."""
        answer = _call(self.program.output_fn, context, prediction, accept)
        content, kind = answer if isinstance(answer, tuple) else (answer, accept)
        return Response(content, media_type=kind or "application/json")

    def batcher(self) -> Batcher:
        """Runs predict_fn, for requests joined or one by one, as the program says."""
        program, model = self.program, self.model
        if self.joins:
            return Batcher(lambda items: program.predict_fn(items, model), program.MAX_BATCH)
        return Batcher(lambda given: _call(program.predict_fn, given[1], given[0], model))

    @property
    def joins(self) -> bool:
        """Whether the program takes several requests at once."""
        return getattr(self.program, "MAX_BATCH", 1) > 1


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
    if getattr(program, "MAX_BATCH", 1) > 1 and _takes_context(program.predict_fn, 2):
        raise StartError(
            f"{file} has MAX_BATCH, and its predict_fn takes a context: requests that are joined "
            "have none in common; let predict_fn take a list and the model, or drop MAX_BATCH"
        )
    model = _call(program.model_fn, Context({}), str(model_dir))
    log.info("loaded %s in %.1f s", model_dir, time.monotonic() - started)
    return Served(program, model)


class Server:
    """Loads the model beside the event loop, and answers once it is there."""

    def __init__(self) -> None:
        self.served: Served | None = None
        self.failed = False
        self.batcher: Batcher | None = None
        self.under_way = 0
        # One thread predicts, since a prediction uses every core; the others decode beside it.
        self.workers = ThreadPoolExecutor(_cores() + 1, "work")

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
        self.workers.shutdown(cancel_futures=True)

    def _load(self) -> None:
        try:
            served = load()
            self.batcher = served.batcher()
            self.served = served
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
        if self.under_way >= MOST_UNDER_WAY:
            return _error(503, f"{self.under_way} requests are under way; try again in a second")
        self.under_way += 1
        try:
            return await self._answer(request)
        except ClientDisconnect:
            return _error(400, "the client went away before its request was complete")
        except (Exception, SystemExit) as error:
            status = getattr(error, "status_code", 500)
            if 400 <= status < 500:
                return _error(status, str(error))
            log.error("the model failed on a request", exc_info=error)
            return _error(500, f"the model failed: {type(error).__name__}; its log says more")
        finally:
            self.under_way -= 1

    async def _answer(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:  # it would keep one of the places that there are for requests
            return _error(408, f"the body did not arrive within {BODY_SECONDS:.0f} seconds")
        if body is None:
            return _error(413, f"the body is larger than {MAX_BYTES:,} bytes")
        answer: Future[Response] = Future()
        self.workers.submit(self._work, body, Context(dict(request.headers)), answer)
        return await asyncio.wrap_future(answer)

    def _work(self, body: bytes, context: Context, answer: Future[Response]) -> None:
        """Decode a request and see that it is predicted; runs beside the event loop."""
        if not answer.set_running_or_notify_cancel():
            return  # nobody waits for it any more
        assert self.served is not None and self.batcher is not None
        served = self.served
        kind, accept = (context.headers.get(name) for name in ("content-type", "accept"))
        try:
            items = served.decode(body, kind, context)
        except (Exception, SystemExit) as error:  # a program that leaves, leaves one request
            answer.set_exception(error)
            return
        self.batcher.do(
            Job(
                items if served.joins else (items, context),
                lambda prediction: served.write(prediction, accept, context),
                answer,
            )
        )


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
    if _takes_context(function, len(arguments)):
        return function(*arguments, context)
    return function(*arguments)


@functools.cache  # looking costs more than many an output_fn
def _takes_context(function: Callable[..., Any], arguments: int) -> bool:
    return len(inspect.signature(function).parameters) == arguments + 1


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
