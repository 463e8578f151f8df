"""Asynchronous invocations: a queue on disk for each endpoint, whose responses are written to S3.

Contract: the developer guide, "Asynchronous inference". A request is done at least once: one that
was under way when the server was killed is sent again.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from sagemaker_emulator.aws import s3_client
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.aws.serving_ports import Answer
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.endpoints import async_config
from sagemaker_emulator.sagemaker.endpoints.async_notification import notification
from sagemaker_emulator.sagemaker.endpoints.deployment import Replaced
from sagemaker_emulator.sagemaker.endpoints.deployments import KIND as ENDPOINT
from sagemaker_emulator.sagemaker.endpoints.invocation import Invocation
from sagemaker_emulator.sagemaker.endpoints.variant_request import ModelFailed, ask
from sagemaker_emulator.storage.location import Location
from sagemaker_emulator.storage.selection import Selection
from sagemaker_emulator.storage.store import Document

KIND = "async-invocation"
UNTYPED = "binary/octet-stream"  # what S3 has of an object that came without a content type
PAUSE_SECONDS = 5.0  # while an endpoint does not serve, and after a fault such as a full disk
_AT_ONCE = 500  # names of requests that are read at a time
_log = logging.getLogger("emulator.async")


@dataclass
class _Queue:
    waiting: deque[str] = field(default_factory=deque)
    active: int = 0


class AsyncInvocations:
    """The queues of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}
        self._stopping = threading.Event()

    def begin(self, queued: Document) -> None:
        """Keep a request, and send it as soon as its endpoint has room.

        Args:
            queued: with `Id`, which begins with `<endpoint>/`, `InferenceId`, `EndpointName`,
                `Members` of the request, `Received` and `Expires` (seconds since the epoch),
                `Seconds` for the response, `Body` in base64 or else an InputLocation among the
                members, `OutputLocation`, `FailureLocation` if there is one, and `Notifications`,
                a NotificationConfig.
        """
        self._context.store.put(KIND, queued["Id"], queued)
        self._append(queued["EndpointName"], queued["Id"])

    def forget(self, endpoint: str) -> None:
        """Drop what waits for an endpoint that is deleted."""
        with self._lock:
            queue = self._queues.pop(endpoint, _Queue())
            queue.waiting.clear()
        for identity in self._kept(f"{endpoint}/"):
            self._context.store.delete(KIND, identity)

    def start(self) -> None:
        """Continue what the previous server had not done, in the order in which it came."""
        for identity in self._kept():
            self._append(identity.partition("/")[0], identity)

    def stop(self) -> None:
        """Leave what waits for the next server."""
        self._stopping.set()

    def _kept(self, prefix: str = "") -> Iterator[str]:
        """The Ids of the requests on disk, whose bodies are not read, in the order they came."""
        selection, last = Selection(KIND, prefix), None
        while places := self._context.store.places(selection, _AT_ONCE, after=last):
            last = places[-1].place
            # A selection's prefix is of any case; an endpoint's name is of its own.
            yield from (found.name for found in places if found.name.startswith(prefix))

    def _append(self, endpoint: str, identity: str) -> None:
        with self._lock:
            queue = self._queues.setdefault(endpoint, _Queue())
            queue.waiting.append(identity)
            self._measure(endpoint, "ApproximateBacklogSize", len(queue.waiting) + queue.active)
            self._staff(endpoint, queue, self._most(endpoint))

    def _staff(self, endpoint: str, queue: _Queue, most: int) -> None:
        """Have a thread for each request that waits, as far as there is room; with the lock."""
        for _ in range(min(len(queue.waiting), most - queue.active)):
            queue.active += 1
            threading.Thread(target=self._work, args=(endpoint, queue), daemon=True).start()

    def _most(self, endpoint: str) -> int:
        document = self._context.store.get(ENDPOINT, endpoint)
        return async_config.concurrency(document["Config"]) if document else 1

    def _work(self, endpoint: str, queue: _Queue) -> None:
        while True:
            with self._lock:
                most = self._most(endpoint)
                if not queue.waiting or self._stopping.is_set() or queue.active > most:
                    queue.active -= 1
                    return
                identity = queue.waiting.popleft()
                self._staff(endpoint, queue, most)  # its endpoint may have more instances now
            try:
                self._do(identity)
            except Exception:
                if not self._stopping.is_set():
                    _log.exception("asynchronous invocation %s is tried again", identity)
                self._stopping.wait(PAUSE_SECONDS)
                with self._lock:
                    queue.waiting.append(identity)
            with self._lock:
                left = len(queue.waiting) + queue.active - 1
            self._measure(endpoint, "ApproximateBacklogSize", left)

    def _do(self, identity: str) -> None:
        """Send one request, and keep what became of it."""
        document = self._context.store.get(KIND, identity)
        if document is None:  # its endpoint was deleted
            return
        try:
            answer = self._answer(document)
        except (ModelFailed, ApiError) as problem:
            if not self._stopping.is_set():  # the end of the server may have caused it
                self._failed(document, problem)
            return
        if answer is not None:
            self._completed(document, answer)

    def _answer(self, document: Document) -> Answer | None:
        """The response to a request; None where its endpoint is deleted or the server stops.

        Raises:
            ModelFailed: a container failed.
            ApiError: the request is too old, or its input or target cannot be had.
        """
        context, endpoint = self._context, document["EndpointName"]
        while not self._stopping.is_set():
            if context.store.get(ENDPOINT, endpoint) is None:  # a kill came before `forget`
                context.store.delete(KIND, document["Id"])
            if context.store.get(KIND, document["Id"]) is None:
                return None
            if time.time() > document["Expires"]:
                raise ApiError("Expired", "The request was longer in the queue than its TTL.")
            deployment = context.endpoints.serving(endpoint, PAUSE_SECONDS)
            variant = deployment.choose() if deployment else None
            if deployment is None or variant is None:
                self._stopping.wait(PAUSE_SECONDS)
                continue
            if problem := deployment.target_problem(variant, None, None):
                raise ApiError("ValidationError", problem)
            body, members = self._input(document)  # not earlier: it is large, and may wait long
            request = Invocation(endpoint, members, body, document["Seconds"])
            try:
                return ask(context, deployment, variant, request)
            except Replaced:
                continue
        return None

    def _input(self, document: Document) -> tuple[bytes, Document]:
        """What the model gets, and the members of the request.

        A request without a ContentType has that of its object: the SDK's AsyncPredictor names it
        nowhere else.

        Raises:
            ApiError: there is no such object.
        """
        from botocore.exceptions import ClientError

        members = document["Members"]
        if "Body" in document:
            return base64.b64decode(document["Body"]), members
        uri = members["InputLocation"]
        place = Location.parse(uri)
        try:
            found = s3_client.client(self._context).get_object(Bucket=place.bucket, Key=place.key)
        except ClientError:
            raise ApiError("ValidationError", f"The input {uri} does not exist.") from None
        if found["ContentType"] != UNTYPED:
            members = {"ContentType": found["ContentType"], **members}
        return found["Body"].read(), members

    def _completed(self, document: Document, answer: Answer) -> None:
        content, kind = answer.response.content, answer.content_type
        problem = self._put(document["OutputLocation"], content, kind)
        if problem is not None:
            self._failed(document, problem)
            return
        seconds = time.time() - document["Received"]
        self._measure(document["EndpointName"], "InvocationsProcessed", 1)
        self._measure(
            document["EndpointName"], "TotalProcessingTime", seconds * 1e3, "Milliseconds"
        )
        about = {"contentType": kind, "outputLocation": document["OutputLocation"]}
        more = {"invocationStatus": "Completed", "responseParameters": about}
        self._end(document, "SuccessTopic", "SUCCESS_NOTIFICATION_TOPIC", more, content)

    def _failed(self, document: Document, problem: ModelFailed | ApiError) -> None:
        endpoint = document["EndpointName"]
        original = problem.original if isinstance(problem, ModelFailed) else ""
        kind = problem.content_type if isinstance(problem, ModelFailed) else ""
        text = problem.message if isinstance(problem, ApiError) else str(problem)
        if "FailureLocation" in document:
            content = (original or text).encode()
            self._put(document["FailureLocation"], content, kind or "text/plain")
        is_expired = isinstance(problem, ApiError) and problem.code == "Expired"
        self._measure(endpoint, "ExpiredRequests" if is_expired else "InvocationFailures", 1)
        more: Document = {"invocationStatus": "Failed", "failureReason": f"ClientError: {text}"}
        if "FailureLocation" in document:
            more["responseParameters"] = {"outputLocation": document["FailureLocation"]}
        self._end(document, "ErrorTopic", "ERROR_NOTIFICATION_TOPIC", more, original.encode())

    def _put(self, uri: str, content: bytes, content_type: str) -> ApiError | None:
        """Write an object; the reason where it cannot be written, which is logged."""
        from botocore.exceptions import ClientError

        place = Location.parse(uri)
        try:
            s3_client.client(self._context).put_object(
                Bucket=place.bucket, Key=place.key, Body=content, ContentType=content_type
            )
        except ClientError as error:
            _log.warning("an asynchronous response is lost: %s: %s", uri, error)
            return ApiError("ValidationError", f"The response cannot be written to {uri}: {error}")
        return None

    def _end(
        self, document: Document, topic: str, included: str, more: Document, content: bytes
    ) -> None:
        """Forget a request, and tell a topic in the same step."""
        config = document["Notifications"]
        asked = included in config.get("IncludeInferenceResponseIn", [])
        message = notification(self._context.region, document, more, content if asked else b"")
        context = self._context
        with context.store.transaction():
            if not context.store.delete(KIND, document["Id"]):
                return
            if arn := config.get(topic):
                context.deliveries.send(
                    arn, json.dumps(message), {}, origin={"Kind": "asynchronous inference"}
                )

    def _measure(self, endpoint: str, name: str, value: float, unit: str = "Count") -> None:
        dimensions = {"EndpointName": endpoint}
        self._context.metrics.record(
            "AWS/SageMaker", dimensions, [Measurement(name, float(value), unit)]
        )
