"""InvokeEndpoint: a request's body sent to a variant's container, and its response sent back.

The errors are those of the SageMaker Runtime API reference; the size of a request is that of the
developer guide's "Model Hosting FAQs", which is newer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.aws.serving_ports import Answer, Deployment, Exchange
from sagemaker_emulator.errors import ApiError, JobFailed
from sagemaker_emulator.sagemaker.endpoints import serverless
from sagemaker_emulator.sagemaker.endpoints.deployment import Replaced, log_group
from sagemaker_emulator.sagemaker.endpoints.deployments import KIND
from sagemaker_emulator.sagemaker.endpoints.invocation import ATTRIBUTES, VARIANT, Invocation
from sagemaker_emulator.sagemaker.endpoints.model_server import NoAnswer
from sagemaker_emulator.sagemaker.endpoints.serverless import Throttled
from sagemaker_emulator.storage.store import Document

MAX_BODY = 25 * 1024 * 1024
TIMEOUT = 60.0


def invoke_endpoint(
    context: Context, name: str, headers: Mapping[str, str], body: bytes
) -> HttpResponse:
    """Send the body to the endpoint's model and return its response.

    Args:
        context: the server.
        name: the endpoint's name.
        headers: the request's, with names in lower case.
        body: the request's, which is not larger than `MAX_BODY`.
    """
    request = Invocation(name, headers, body)
    try:
        request.check()
    except ApiError as problem:
        return _error("ValidationError", problem.message)
    document = context.store.get(KIND, name)
    if document is None:
        return _error("ValidationError", f"Endpoint {name} of account {context.account} not found.")
    try:
        return _invoke(context, document, request)
    except Replaced:  # an update changed over just now; the new servers respond
        return _invoke(context, document, request)


def _invoke(context: Context, document: Document, request: Invocation) -> HttpResponse:
    name, target = request.endpoint, request.headers.get(VARIANT)
    deployment = context.endpoints.serving(name, TIMEOUT)
    if deployment is None:
        status = document["EndpointStatus"]
        message = f"Endpoint {name} is not able to serve: it is {status}, not InService."
        return _error("ValidationError", message)
    variant = deployment.choose(target)
    if variant is None:
        message = f"Variant {target} of endpoint {name} cannot be invoked; "
        return _error("ValidationError", f"{message}there are {', '.join(deployment.weights)}.")
    if problem := deployment.target_problem(variant, request.container, request.model):
        return _error("ValidationError", problem)
    if (shadow := deployment.shadow(variant)) is not None:
        deployment.copy(partial(_ask_shadow, context, deployment, shadow, request))
    if deployment.count(variant) == 0 and len(request.body) > serverless.MAX_BODY:
        message = (
            f"The body of a request to a serverless endpoint has at most {serverless.MAX_BODY}"
        )
        return _error("ValidationError", f"{message} bytes; this one has {len(request.body)}.", 413)
    try:
        answer = _ask(context, deployment, variant, request)
    except Throttled:
        message = f"Endpoint {name} has as many requests under way as its MaxConcurrency allows."
        return _error("ThrottlingException", message)
    except ApiError as refusal:  # of a multi-model container
        return _error(refusal.code, refusal.message, refusal.status)
    except JobFailed as failure:
        return _model_error(context, name, str(failure), 500, "")
    except NoAnswer as silence:
        if silence.timed_out:
            message = (
                "Your invocation timed out while waiting for a response from container "
                f"{silence.container} ({TIMEOUT:.0f} seconds)."
            )
            return _model_error(context, name, message, 0, "")
        message = (
            f"The container {silence.container} of endpoint {name} did not respond ({silence}); "
            "it is restarted."
        )
        return _model_error(context, name, message, 503, str(silence))
    response = answer.response
    if not response.is_success:
        side = "client" if response.status_code < 500 else "server"
        text = response.text
        message = (
            f"Received {side} error ({response.status_code}) from {answer.container} with message "
            f'"{text}". See the log group {log_group(name)} for more information.'
        )
        return _model_error(context, name, message, response.status_code, text)
    reply = {"content-type": answer.content_type, "x-amzn-invoked-production-variant": variant}
    if ATTRIBUTES in response.headers:
        reply[ATTRIBUTES] = response.headers[ATTRIBUTES]
    return HttpResponse(200, reply, response.content)


def _ask(context: Context, deployment: Deployment, variant: str, request: Invocation) -> Answer:
    """Send a request to a variant, and measure and capture what it answers.

    Raises:
        Replaced: the deployment was drained.
        Throttled: a serverless variant has too many requests under way.
        JobFailed: the server of a serverless variant does not start.
        NoAnswer: a container did not respond.
        ApiError: a multi-model container does not get the model.
    """
    # Not after the response: the instances may be others then.
    count = deployment.count(variant)
    share = 1.0 / count if count else 0.0
    dimensions = {
        "EndpointName": request.endpoint,
        "VariantName": variant,
        "EndpointConfigName": deployment.config["EndpointConfigName"],
    }
    try:
        with deployment.server(variant) as server:
            sent = time.perf_counter()
            answer = server.invoke(
                request.body, request.passed, TIMEOUT, request.container, request.model
            )
    except (NoAnswer, JobFailed):
        _measure(context, dimensions, share)
        raise
    overhead, latency = sent - request.begin, time.perf_counter() - sent
    response = answer.response
    _measure(context, dimensions, share, response.status_code, overhead, latency)
    if response.is_success:
        exchange = Exchange(
            *(request.endpoint, variant, request.body, response.content),
            *(request.passed["content-type"], answer.content_type),
            *(request.attributes, request.inference_id),
        )
        context.captures.record(deployment.config.get("DataCaptureConfig"), exchange)
    return answer


def _ask_shadow(
    context: Context, deployment: Deployment, variant: str, request: Invocation
) -> None:
    """Send the copy of a request to a shadow variant; its answer is measured and captured only."""
    if deployment.target_problem(variant, request.container, request.model):
        return  # its model has other containers than the production variant's
    try:
        _ask(context, deployment, variant, request)
    except (Replaced, NoAnswer, ApiError):  # measured, and in the log of its container
        return


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


def _error(code: str, message: str, status: int = 400, **members: object) -> HttpResponse:
    body = json.dumps({"Message": message, "message": message, **members}).encode()
    headers = {"content-type": "application/json", "x-amzn-errortype": code}
    return HttpResponse(status, headers, body)


def _model_error(
    context: Context, name: str, message: str, status: int, original: str
) -> HttpResponse:
    return _error(
        "ModelError",
        message,
        424,
        OriginalStatusCode=status,
        OriginalMessage=original,
        LogStreamArn=context.arn("log-group", "", "logs").replace("/", ":") + log_group(name),
    )
