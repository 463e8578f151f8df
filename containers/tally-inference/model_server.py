"""SageMaker's serving contract over HTTP, for any model with the four functions (model_program.py).

    GET  /ping           200 once the model is loaded, 503 before
    POST /invocations    the model's input_fn -> predict_fn -> output_fn; errors as {"error": "..."}

Reads $SAGEMAKER_BIND_TO_PORT (8080), $SAGEMAKER_PROGRAM (inference.py) in
$SAGEMAKER_SUBMIT_DIRECTORY (<root>/model/code), where <root> is $OPT_ML or /opt/ml; and its own
$SERVE_HOST (0.0.0.0, because a container is reached from outside).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import FrameType

import uvicorn
from batching import Batcher, Job
from connection import BoundedProtocol
from model_program import Context, Program, StartError, cores, load
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MAX_BYTES = 25 * 1024 * 1024  # InvokeEndpoint's own limit
BODY_SECONDS = 60.0  # for a request to arrive; InvokeEndpoint waits no longer for its answer
PART_SECONDS = 10.0  # for the next part of one: SageMaker has all of it when it sends it
MAX_REQUESTS = 256  # that have arrived; more would fill the memory
MAX_ARRIVING_BYTES = 1 << 30  # of the requests that have not
GRACE_SECONDS = 20  # for requests in progress; SageMaker kills a container 30 s after SIGTERM

log = logging.getLogger("serve")


class _Refused(Exception):
    """A request that is refused while its body arrives; the message says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """Loads the model beside the event loop, and answers requests when it is loaded."""

    def __init__(self) -> None:
        self.program: Program | None = None
        self.failure = ""  # why the model could not be loaded
        self.batcher: Batcher | None = None
        self.requests = 0  # in progress: their bodies have arrived
        self.arriving = 0  # bytes of those whose bodies have not
        # One thread predicts, since a prediction uses every core; the others decode beside it.
        self.workers = ThreadPoolExecutor(cores() + 1, "work")

    def application(self) -> Starlette:
        """Return the ASGI application."""
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
        """Start loading when the server starts."""
        threading.Thread(target=self._load, name="load", daemon=True).start()
        yield
        # Not waited for: what is still decoded or predicted took longer than GRACE_SECONDS.
        self.workers.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> None:
        try:
            program = load()
            self.batcher = program.batcher()
            self.program = program
        except StartError as error:
            self.failure = str(error)
        except (Exception, SystemExit) as error:  # SystemExit would end only this thread
            log.exception("where it failed:")
            self.failure = f"{type(error).__name__}: {error}"
        if self.failure:
            os.kill(os.getpid(), signal.SIGTERM)

    async def ping(self, request: Request) -> Response:
        """Report whether the model is loaded."""
        return Response(status_code=200 if self.program else 503)

    async def invocations(self, request: Request) -> Response:
        """Answer one request."""
        if self.program is None:
            return _error(503, "the model is still being loaded; try again in some seconds")
        try:
            body = await self._body(request)
        except ClientDisconnect:
            return _error(400, "the client disconnected before its request was complete")
        except TimeoutError:
            return _error(
                408,
                f"the body did not arrive within {BODY_SECONDS:.0f} seconds, each part within "
                f"{PART_SECONDS:.0f} seconds of the one before",
            )
        except _Refused as error:
            return _error(error.status, str(error))
        if self.requests >= MAX_REQUESTS:
            return _error(503, f"{self.requests} requests are in progress; try again in a second")
        self.requests += 1
        try:
            answer: Future[Response] = Future()
            self.workers.submit(self._work, body, Context(dict(request.headers)), answer)
            return await asyncio.wrap_future(answer)
        except (Exception, SystemExit) as error:
            status = getattr(error, "status_code", 500)
            if 400 <= status < 500:
                return _error(status, str(error))
            log.error("the model failed on a request", exc_info=error)
            return _error(500, f"the model failed: {type(error).__name__}; see the endpoint's log")
        finally:
            self.requests -= 1

    async def _body(self, request: Request) -> bytes:
        """The body of a request, which takes no place among those in progress until it is there.

        Raises:
            _Refused: It is larger than allowed, or too much is arriving.
            ClientDisconnect, TimeoutError: It does not arrive.
        """
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BYTES:
            raise _Refused(413, f"the body is larger than {MAX_BYTES:,} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS), asyncio.timeout(PART_SECONDS) as part_limit:
                async for part in request.stream():
                    part_limit.reschedule(asyncio.get_running_loop().time() + PART_SECONDS)
                    body += part
                    self.arriving += len(part)
                    if len(body) > MAX_BYTES:
                        raise _Refused(413, f"the body is larger than {MAX_BYTES:,} bytes")
                    if self.arriving > MAX_ARRIVING_BYTES:
                        raise _Refused(503, "too much is being sent; try again in a second")
        finally:
            self.arriving -= len(body)
        return bytes(body)

    def _work(self, body: bytes, context: Context, answer: Future[Response]) -> None:
        """Decode a request and have it predicted; runs in a thread of the workers."""
        if not answer.set_running_or_notify_cancel():
            return  # the client no longer waits
        assert self.program is not None and self.batcher is not None
        program = self.program
        content_type, accept = (context.headers.get(name) for name in ("content-type", "accept"))
        try:
            items = program.decode(body, content_type, context)
        except (Exception, SystemExit) as error:  # SystemExit would end this thread
            answer.set_exception(error)
            return
        self.batcher.do(
            Job(
                items if program.joins else (items, context),
                lambda prediction: program.encode(prediction, accept, context),
                answer,
            )
        )


def main() -> int:
    """Serve until SIGTERM; return 1 if the model could not be loaded."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn.access").addFilter(
        lambda record: "/ping" not in record.getMessage()  # which comes every few seconds
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
        http=BoundedProtocol,
        ws="none",
        host=os.environ.get("SERVE_HOST", "0.0.0.0"),
        port=int(port),
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
    )
    code = 0
    try:
        uvicorn.Server(config).run()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    if server.failure:
        # Last, as SageMaker and people look at the end of a log.
        log.error("the model could not be loaded: %s", server.failure)
        code = 1
    return code


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)


async def _refuse(request: Request, error: Exception) -> Response:
    return _error(
        getattr(error, "status_code", 404),
        f"{request.method} {request.url.path} does not exist; use GET /ping or POST /invocations",
    )
