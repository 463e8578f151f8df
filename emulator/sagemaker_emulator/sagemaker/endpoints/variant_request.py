"""A request to one variant of an endpoint: sent, measured and captured."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.aws.serving_ports import Answer, Deployment, Exchange
from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.endpoints.deployment import log_group
from sagemaker_emulator.sagemaker.endpoints.invocation import Invocation
from sagemaker_emulator.sagemaker.endpoints.model_server import NoAnswer


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


def ask(context: Context, deployment: Deployment, variant: str, request: Invocation) -> Answer:
    """Send a request to a variant, and measure and capture its response, which is no error.

    Raises:
        Replaced: the deployment was drained.
        Throttled: a serverless variant has too many requests under way.
        ModelFailed: a container does not start, does not respond or responds with an error.
        ApiError: a multi-model container does not get the model.
    """
    # Not after the response: the instances may be others then.
    count = deployment.count(variant)
    share = 1.0 / count if count else 0.0
    name = request.endpoint
    dimensions = {
        "EndpointName": name,
        "VariantName": variant,
        "EndpointConfigName": deployment.config["EndpointConfigName"],
    }
    try:
        with deployment.server(variant) as server:
            sent = time.perf_counter()
            answer = server.invoke(
                request.body, request.passed, request.seconds, request.container, request.model
            )
    except JobFailed as failure:
        _measure(context, dimensions, share)
        raise ModelFailed(str(failure), 500) from None
    except NoAnswer as silence:
        _measure(context, dimensions, share)
        raise _silent(name, silence, request.seconds) from None
    response = answer.response
    overhead, latency = sent - request.begin, time.perf_counter() - sent
    _measure(context, dimensions, share, response.status_code, overhead, latency)
    if not response.is_success:
        side = "client" if response.status_code < 500 else "server"
        message = (
            f"Received {side} error ({response.status_code}) from {answer.container} with message "
            f'"{response.text}". See the log group {log_group(name)} for more information.'
        )
        raise ModelFailed(message, response.status_code, response.text, answer.content_type)
    exchange = Exchange(
        *(name, variant, request.body, response.content),
        *(request.passed["content-type"], answer.content_type),
        *(request.attributes, request.inference_id),
    )
    context.captures.record(deployment.config.get("DataCaptureConfig"), exchange)
    return answer


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
