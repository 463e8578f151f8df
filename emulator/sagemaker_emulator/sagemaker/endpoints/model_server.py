"""The containers that serve one model, and a request's way through them.

Contract: SageMaker developer guide, "Inference pipelines": the response of a container is the
request of the next, sent with the content type that it came with. Used by endpoints, which keep
the containers running, and by transform jobs, which need them for a while.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.endpoints.container_server import (
    STARTUP_SECONDS,
    ContainerServer,
)
from sagemaker_emulator.sagemaker.endpoints.loaded_models import LoadedModels
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedModel
from sagemaker_emulator.sagemaker.endpoints.start import start_together

ANY_TYPE = "application/octet-stream"
SHORTEST = 0.001  # seconds; a wait of none would be no limit


@dataclass(frozen=True)
class Answer:
    """A container's response.

    Attributes:
        container: its name: that of the last container, or of the one that failed.
        response: its response, which may be an error.
    """

    container: str
    response: httpx.Response

    @property
    def content_type(self) -> str:
        """The content type of the response."""
        return str(self.response.headers.get("content-type", ANY_TYPE))


class NoAnswer(Exception):
    """A container did not respond.

    Attributes:
        container: its name.
        timed_out: whether it took too long.
    """

    def __init__(self, container: str, cause: Exception) -> None:
        super().__init__(str(cause))
        self.container = container
        self.timed_out = isinstance(cause, httpx.TimeoutException)


class ModelServer:
    """The running containers of one model: one, or several that a request goes through.

    Args:
        context: the server.
        name: the name of the variant or job that it serves, for messages.
        model: what it serves.
        folder: its own, deleted by `stop`.
        log: called with a container's output, behind the container's name where there are several,
            else behind an empty string.
        environment: variables beside the model's.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        model: ServedModel,
        folder: Path,
        log: Callable[[str, list[str]], None],
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self._folder = folder
        alone = len(model.containers) == 1

        def write(container: str) -> Callable[[list[str]], None]:
            return lambda lines: log("" if alone else container, lines)

        self._containers: list[ContainerServer] = []
        self._models: dict[str, LoadedModels] = {}  # of multi-model containers, by hostname
        for each in model.containers:
            place = folder if alone else folder / each.hostname
            server = ContainerServer(context, name, each, place, write(each.hostname), environment)
            self._containers.append(server)
            if each.multi_model:
                self._models[each.hostname] = LoadedModels(context, server, place)

    def start(
        self, seconds: float = STARTUP_SECONDS, check: Callable[[], None] = lambda: None
    ) -> None:
        """Start the containers and wait until /ping of each returns 200.

        Args:
            seconds: the longest wait for one of them.
            check: called while waiting; whatever it raises ends the wait.

        Raises:
            JobFailed: one did not; with the last lines of its log.
        """
        if len(self._containers) == 1:
            self._containers[0].start(seconds, check)
            return
        start_together(
            [partial(each.start, seconds, check) for each in self._containers], self.stop
        )

    def ping(self) -> bool:
        """Whether all containers report that they are healthy."""
        return all(each.ping() for each in self._containers)

    def stop(self) -> None:
        """End the containers and delete their folder."""
        if len(self._containers) == 1:
            self._containers[0].stop()
            return
        with ThreadPoolExecutor(len(self._containers)) as pool:
            list(pool.map(lambda each: each.stop(), self._containers))
        shutil.rmtree(self._folder, ignore_errors=True)

    def execution_parameters(self) -> httpx.Response:
        """The response to /execution-parameters of the container that gets a request first.

        Raises:
            httpx.TransportError: there is none.
        """
        return self._containers[0].client.get("/execution-parameters")

    def invoke(
        self,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, str],
        seconds: float,
        container: str | None = None,
        model: str | None = None,
        is_streamed: bool = False,
    ) -> Answer:
        """Send a request through the containers, or to one of them.

        Args:
            body: the request's.
            headers: those that the containers get, with names in lower case. The first gets its
                content type, the last its accept.
            seconds: the longest wait for the last response.
            container: the name of the one that gets the request, of a model of the mode Direct.
            model: the TargetModel, which multi-model containers load.
            is_streamed: whether the last response is returned before its body is read; whoever
                gets it closes it.

        Returns:
            The last container's response, or the first one that is an error.

        Raises:
            NoAnswer: a container did not respond, or too late.
            ApiError: a multi-model container does not get the model.
        """
        chain = [each for each in self._containers if container in (None, each.served.hostname)]
        deadline = time.monotonic() + seconds
        *before, last = chain
        for each in before:
            # What its answer is to be is for the container to choose, as nobody asked for it.
            answer = self._post(each, body, {**headers, "accept": "*/*"}, deadline, model)
            if not answer.response.is_success:
                return answer
            body = answer.response.content
            headers = {**headers, "content-type": answer.content_type}
        return self._post(last, body, headers, deadline, model, is_streamed)

    def _post(
        self,
        server: ContainerServer,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, str],
        deadline: float,
        model: str | None,
        is_streamed: bool = False,
    ) -> Answer:
        hostname = server.served.hostname
        try:
            if (models := self._models.get(hostname)) is not None and model is not None:
                return Answer(hostname, models.invoke(model, body, headers, deadline))
            left = max(deadline - time.monotonic(), SHORTEST)
            request = server.client.build_request(
                "POST", "/invocations", content=body, headers=dict(headers), timeout=left
            )
            return Answer(hostname, server.client.send(request, stream=is_streamed))
        except (httpx.TransportError, RuntimeError) as error:  # RuntimeError: its client was closed
            raise NoAnswer(hostname, error) from error
