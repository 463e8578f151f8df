"""A request to one variant of an endpoint: sent, measured and captured."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping

import httpx

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.aws.serving_ports import Answer, Deployment, Exchange
from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.endpoints.deployment import log_group
from sagemaker_emulator.sagemaker.endpoints.invocation import Invocation
from sagemaker_emulator.sagemaker.endpoints.model_server import NoAnswer

STREAM_SECONDS = 480.0  # for all of a streamed response
_TOO_LONG = "The model did not finish its response in the time that it may take."


class ModelFailed(Exception):
    """A container's response is an error, or there is none; the message is AWS's.

    Attributes:
        status: the response's; 0 where it came too late.
        original: the response's body; empty without one.
        content_type: the response's; empty without one.
    """

    def __init__(
        self, message: str, status: int, original: str = "", content_type: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.original = original
        self.content_type = content_type


class StreamFailed(Exception):
    """A response ended early.

    Attributes:
        code: ModelInvocationTimeExceeded or StreamBroken.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def ask(context: Context, deployment: Deployment, variant: str, request: Invocation) -> Answer:
    """Send a request to a variant, and measure and capture its response, which is no error.

    Raises:
        Replaced: the deployment was drained.
        Throttled: a serverless variant has too many requests under way.
        ModelFailed: a container does not start, does not respond or responds with an error.
        ApiError: a multi-model container does not get the model.
    """
    sending = _Sending(context, deployment, variant, request)
    with sending, deployment.server(variant) as server:
        sending.begin = time.perf_counter()
        answer = server.invoke(
            request.body, request.passed, request.seconds, request.container, request.model
        )
    sending.end(answer.response.status_code)
    _require_success(request.endpoint, answer)
    sending.capture(answer.content_type, answer.response.content)
    return answer


def ask_streamed(
    context: Context, deployment: Deployment, variant: str, request: Invocation
) -> tuple[Answer, Generator[bytes]]:
    """Send a request to a variant, and return its response, which is no error, before its body.

    Returns:
        The response and its body in the parts in which it comes; the parts raise `StreamFailed`,
        and must be closed.

    Raises:
        Replaced, Throttled, ModelFailed: as `ask`.
    """
    sending = _Sending(context, deployment, variant, request)
    with sending, contextlib.ExitStack() as stack:
        server = stack.enter_context(deployment.server(variant))
        sending.begin = time.perf_counter()
        answer = server.invoke(
            request.body, request.passed, request.seconds, request.container, is_streamed=True
        )
        stack.callback(answer.response.close)
        if not answer.response.is_success:
            with contextlib.suppress(httpx.TransportError):  # its status says enough
                answer.response.read()
        under_way = stack.pop_all()
    if not answer.response.is_success:
        under_way.close()
        sending.end(answer.response.status_code)
        _require_success(request.endpoint, answer)
    parts = _parts(sending, answer, under_way)
    next(parts)  # begun, so that closing it ends the request
    return answer, parts


def _parts(sending: _Sending, answer: Answer, under_way: contextlib.ExitStack) -> Generator[bytes]:
    """An empty part, then the body of a streamed response as it comes."""
    deadline = time.monotonic() + STREAM_SECONDS
    body = bytearray()
    with under_way:
        yield b""
        try:
            for part in answer.response.iter_bytes():
                if time.monotonic() > deadline:
                    raise StreamFailed("ModelInvocationTimeExceeded", _TOO_LONG)
                body += part
                yield part
        except httpx.TimeoutException:
            raise StreamFailed("ModelInvocationTimeExceeded", _TOO_LONG) from None
        except httpx.TransportError as error:
            message = f"The container {answer.container} ended its response early: {error}"
            raise StreamFailed("StreamBroken", message) from None
        finally:
            sending.end(answer.response.status_code)
        sending.capture(answer.content_type, bytes(body))


class _Sending:
    """A request on its way to a variant; entered, it tells of a failure in AWS's words."""

    def __init__(
        self, context: Context, deployment: Deployment, variant: str, request: Invocation
    ) -> None:
        self._context, self._request = context, request
        self._config = deployment.config
        self._variant = variant
        # Not after the response: the instances may be others then.
        count = deployment.count(variant)
        self._share = 1.0 / count if count else 0.0
        self.begin = 0.0  # when the container was asked, by `time.perf_counter`

    def __enter__(self) -> None:
        """Nothing is sent yet."""

    def __exit__(self, _: object, problem: BaseException | None, __: object) -> None:
        """Measure a request that has no response.

        Raises:
            ModelFailed: in place of what was raised.
        """
        if not isinstance(problem, JobFailed | NoAnswer):
            return
        self.end(None)
        if isinstance(problem, JobFailed):
            raise ModelFailed(str(problem), 500) from None
        raise _silent(self._request.endpoint, problem, self._request.seconds) from None

    def end(self, status: int | None) -> None:
        """Measure the request by the status of its response; None where there was none."""
        dimensions = {
            "EndpointName": self._request.endpoint,
            "VariantName": self._variant,
            "EndpointConfigName": self._config["EndpointConfigName"],
        }
        overhead = self.begin - self._request.begin
        latency = time.perf_counter() - self.begin
        _measure(self._context, dimensions, self._share, status, overhead, latency)

    def capture(self, content_type: str, content: bytes) -> None:
        """Capture the request and its response, if the configuration says so."""
        request = self._request
        exchange = Exchange(
            *(request.endpoint, self._variant, request.body, content),
            *(request.passed["content-type"], content_type),
            *(request.attributes, request.inference_id),
        )
        self._context.captures.record(self._config.get("DataCaptureConfig"), exchange)


def _require_success(endpoint: str, answer: Answer) -> None:
    """Raise ModelFailed for a response that is an error."""
    response = answer.response
    if response.is_success:
        return
    side = "client" if response.status_code < 500 else "server"
    message = (
        f"Received {side} error ({response.status_code}) from {answer.container} with message "
        f'"{response.text}". See the log group {log_group(endpoint)} for more information.'
    )
    raise ModelFailed(message, response.status_code, response.text, answer.content_type)


def _silent(endpoint: str, silence: NoAnswer, seconds: float) -> ModelFailed:
    if silence.timed_out:
        message = (
            "Your invocation timed out while waiting for a response from container "
            f"{silence.container} ({seconds:.0f} seconds)."
        )
        return ModelFailed(message, 0)
    message = (
        f"The container {silence.container} of endpoint {endpoint} did not respond ({silence}); "
        "it is restarted."
    )
    return ModelFailed(message, 503, str(silence))


def _measure(
    context: Context,
    dimensions: Mapping[str, str],
    share: float,
    status: int | None = None,
    overhead: float = 0.0,
    latency: float = 0.0,
) -> None:
    """Record an invocation as SageMaker's "endpoint invocation metrics" of CloudWatch.

    They are published of the variant and, so that the fleets of an update can be told apart, of
    the variant in its configuration.

    Args:
        context: the server.
        dimensions: the endpoint's, the variant's and the configuration's name.
        share: one in the number of the variant's instances; 0 where it is serverless.
        status: of the container's response; None where there was none.
        overhead: seconds before the container was asked.
        latency: seconds until it had responded.
    """
    is_error = status is None or not 200 <= status < 300
    values = [
        Measurement("Invocations", 1.0),
        Measurement("Invocation4XXErrors", float(status is not None and 400 <= status < 500)),
        Measurement("Invocation5XXErrors", float(status is not None and status >= 500)),
        Measurement("InvocationModelErrors", float(is_error)),
    ]
    if share:
        values.append(Measurement("InvocationsPerInstance", share))
    if status is not None:
        values.append(Measurement("ModelLatency", latency * 1e6, "Microseconds"))
        values.append(Measurement("OverheadLatency", overhead * 1e6, "Microseconds"))
    of_variant = {key: dimensions[key] for key in ("EndpointName", "VariantName")}
    for where in (of_variant, dimensions):
        context.metrics.record("AWS/SageMaker", where, values)
