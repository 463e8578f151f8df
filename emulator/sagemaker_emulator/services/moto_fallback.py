"""The services that the emulator does not run itself, left to moto in this process.

moto keeps its state in memory, so every request that changes something is kept in the store and
replayed before the first request after a restart. The messages of queues are kept themselves
(`queues.messages`): what a delay or a visibility timeout did cannot be replayed. moto is imported
by the first request that needs it: an idle emulator stays small.
"""

import base64
import functools
import json
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from sagemaker_emulator.aws import numerals, protocol
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse, operations
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import (
    iam,
    managed_policies,
    metrics,
    moto_requests,
    refused_work,
    tagging,
)
from sagemaker_emulator.services.queues.messages import QueueMessages
from sagemaker_emulator.services.topics import messages, subscriptions
from sagemaker_emulator.storage.store import Document

_KIND = "moto"
# Hosts that are not the service's name and the region.
_HOSTS = {"ecr": "api.ecr.{region}", "budgets": "budgets"}
_READS = ("Get", "List", "Describe", "Batch", "Simulate", "Assume", "Head", "Validate", "Estimate")
# Measurements, whose number has no limit: they are lost at a restart.
_NOT_KEPT = ("PutMetricData",)
_MAX_WAIT = 20  # seconds that SQS may wait for a message
_log = logging.getLogger("emulator.moto")
_KEPT_HEADERS = (
    *("content-type", "content-encoding", "accept"),
    *("authorization", "x-amz-target", "smithy-protocol"),
)


@dataclass(frozen=True)
class NoMessage(HttpResponse):
    """The response to a request for a queue's messages, which would wait as there is none.

    Attributes:
        seconds: for how long it would.
        again: looks again; it returns another of these while there is none.
    """

    seconds: float
    again: Callable[[], HttpResponse]


class MotoFallback:
    """moto, with what one server's state has kept of it.

    Attributes:
        changes: How many requests have changed it, as far as is known.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._messages = QueueMessages(context)
        self.changes = 0
        self._replayed = False
        self._metrics: object = None

    def respond(
        self, service: str, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> HttpResponse:
        """Respond to a request of any other AWS service.

        Args:
            service: The name in the request's signature, such as `iam`.
            method: HTTP method.
            url: The requested URL, with its query.
            headers: With lower-case names.
            body: As it came.

        Returns:
            The response; a `NoMessage` where it would wait for one.

        Raises:
            ApiError: The emulator cannot do that.
        """

        def run() -> HttpResponse:
            return self._respond(service, method, url, headers, body)

        return self._guarded(run, service, headers, body)

    def _guarded(
        self,
        run: Callable[[], HttpResponse],
        service: str,
        headers: dict[str, str],
        body: bytes,
    ) -> HttpResponse:
        """What `run` returns; every fault of it is one of the request or of moto."""
        try:
            return run()
        except (ApiError, sqlite3.OperationalError):
            raise
        except Exception as problem:
            # It may be the request's fault; a fault of moto stays in the log.
            if (fault := moto_requests.fault(problem, service, headers, body)) is not None:
                raise fault from problem
            _log.exception("a request to %s %s", service, headers.get("x-amz-target", ""))
            message = f"a fault of moto, not of the request: {type(problem).__name__}: {problem}"
            raise ApiError("InternalFailure", message, 500) from None

    def _respond(
        self, service: str, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> HttpResponse:
        if service == "s3":
            raise _unknown(f"S3 is at {self._context.s3_url}: set AWS_ENDPOINT_URL_S3 to that")
        moto_requests.check_body(headers, body)
        target = headers.get("x-amz-target", "").rpartition(".")[2]
        if (service, target) in operations:  # what moto lacks
            return protocol.run_json(self._context, service, target, body)
        if service == "iam":
            managed_policies.refuse_change(body)
            if xml := iam.simulation(body):
                return HttpResponse(200, {"content-type": "text/xml"}, xml.encode())
        parts = urlsplit(url)
        if service == "sns" and (certificate := messages.certificate(parts.path)):
            return HttpResponse(200, {"content-type": "application/x-pem-file"}, certificate)
        refused_work.refuse(service, target, method, parts.path, parts.query)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        request = {
            "service": service,
            "method": method,
            "path": path,
            "headers": {key: headers[key] for key in _KEPT_HEADERS if key in headers},
            "body": base64.b64encode(body).decode(),
            "seed": secrets.randbits(32),
        }
        changes = not _reads(method, headers, body, path)
        if service != "sqs" or not moto_requests.receives(headers, body):
            return self._ask(request, lambda _: changes)
        seconds = _without_waiting(request)

        def receive() -> HttpResponse:
            reply = self._ask(request, _has_message)
            if not seconds or reply.status >= 300 or _has_message(reply):
                return reply
            again = functools.partial(self._guarded, receive, service, headers, body)
            return NoMessage(reply.status, reply.headers, reply.body, seconds, again)

        return receive()

    def _ask(self, request: Document, is_kept: Callable[[HttpResponse], bool]) -> HttpResponse:
        """Hand a request to moto, and keep it if it may have changed something."""
        service = request["service"]
        with self._lock:
            self._replay()
            try:
                reply = _ask(self._context, request)
            except NotImplementedError as error:
                raise _unknown(f"the emulator cannot do that: {error}") from None
            except ModuleNotFoundError as error:
                raise _unknown(
                    f"the emulator runs '{service}' only where the Python package "
                    f"{error.name} is installed: pip install 'moto[all]'"
                ) from None
            if reply is None:
                raise _unknown(f"the emulator does not run the service '{service}'")
            is_of_messages = moto_requests.is_of_messages(request)
            changed = reply.status < 300 and is_kept(reply)
            if changed and not is_of_messages:
                self._context.store.put(_KIND, f"{time.time_ns()}", request)
            if changed or is_of_messages:
                # Also one that received none: it may have moved some to a dead-letter queue.
                changed |= self._messages.keep()
            if changed:
                with self._changed:
                    self.changes += 1
                    self._changed.notify_all()
            return reply

    def wait_for_change(self, seen: int, seconds: float) -> int:
        """Return `changes` as soon as it is another number than `seen`, or after some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.changes != seen, seconds)
            return self.changes

    def _replay(self) -> None:
        """Bring a fresh moto to the state of the last server's."""
        if not self._replayed:
            from moto.moto_api._internal import mock_random

            context = self._context
            mock_random.seed(0)  # the role's identifier stays, too
            iam.become_role(context.account, context.region, context.credentials)
            tagging.join(context)
            self._metrics = metrics.join(context)
            topics = subscriptions.join(context)
            topics.replays = True
            requests = context.store.items(_KIND)
            for _, request in requests:
                try:
                    _ask(context, request)
                except Exception:  # of another version of moto; the others must not be lost
                    _log.exception("a kept request to %s", request["service"])
            topics.replays = False
            self._messages.restore()
            # A state of 0.1 kept each request for a message, not the messages.
            with context.store.transaction():
                self._messages.keep()
                for name, request in requests:
                    if moto_requests.is_of_messages(request):
                        context.store.delete(_KIND, name)
            self._replayed = True


def _has_message(reply: HttpResponse) -> bool:
    return b"<Message>" in reply.body or b'"Messages"' in reply.body


def _without_waiting(request: Document) -> float:
    """Make an SQS request return at once, and return the seconds that it would wait for a message.

    moto would wait inside, and hold up the requests of everybody else.
    """
    body = base64.b64decode(request["body"])
    if body.lstrip().startswith(b"{"):
        receive = json.loads(body)
        seconds = receive.get("WaitTimeSeconds", 0)
        replaced = json.dumps({**receive, "WaitTimeSeconds": 0}).encode()
    else:
        form = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
        seconds = numerals.integer(form.get("WaitTimeSeconds", "0"))
        replaced = urlencode({**form, "WaitTimeSeconds": 0}, encoding="latin-1").encode()
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= _MAX_WAIT:
        return 0.0  # moto refuses it
    request["body"] = base64.b64encode(replaced).decode()
    return float(seconds)


def _ask(context: Context, request: Document) -> HttpResponse | None:
    """Hand a request to moto; None where it has no such service."""
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.compat import HTTPHeaders
    from moto.core.botocore_stubber import BotocoreStubber
    from moto.moto_api._internal import mock_random

    pattern = _HOSTS.get(request["service"], f"{request['service']}.{{region}}")
    host = f"{pattern.format(region=context.region)}.amazonaws.com"
    headers = HTTPHeaders()
    for key, value in {**request["headers"], "host": host}.items():
        headers[key] = value
    if request["service"] == "iam":
        managed_policies.load(context.account)
    # Identifiers are drawn at random: the same seed gives a replayed resource its old ones.
    mock_random.seed(request["seed"])
    url = f"https://{host}{request['path']}"
    body = base64.b64decode(request["body"])
    prepared = AWSPreparedRequest(request["method"], url, headers, body, False)
    response = BotocoreStubber().process_request(prepared)
    if response is None or response[2] == "Not yet implemented":
        return None
    status, received, content = response
    kept = {
        str(key).lower(): str(value)
        for key, value in received.items()
        if str(key).lower() not in ("content-length", "server", "date", "connection")
    }
    answer = content.encode() if isinstance(content, str) else content
    if request["service"] == "sts":
        answer = iam.usable(answer, context.credentials)
    return HttpResponse(status, kept, answer)


def _reads(method: str, headers: dict[str, str], body: bytes, path: str) -> bool:
    target = moto_requests.action_of(headers, body, path)
    return target.startswith(_READS + _NOT_KEPT) if target else method in ("GET", "HEAD")


def _unknown(message: str) -> ApiError:
    return ApiError("UnknownOperationException", message)
