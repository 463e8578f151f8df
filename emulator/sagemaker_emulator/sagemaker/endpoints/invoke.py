"""InvokeEndpoint: a request's body sent to a variant's container, and its response sent back.

The errors are those of the SageMaker Runtime API reference; the size of a request is that of the
developer guide's "Model Hosting FAQs", which is newer.
"""

import json
import time
from collections.abc import Mapping

import httpx

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.aws.ports import Exchange, Measurement
from sagemaker_emulator.sagemaker.endpoints.deployment import Replaced, log_group
from sagemaker_emulator.sagemaker.endpoints.deployments import KIND
from sagemaker_emulator.storage.store import Document

MAX_BODY = 25 * 1024 * 1024
TIMEOUT = 60.0
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
VARIANT = "x-amzn-sagemaker-target-variant"
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
# What AWS passes on to the container; the rest of the request was for the service.
PASSED = ("content-type", "accept", ATTRIBUTES, INFERENCE_ID)


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
    begin = time.perf_counter()
    document = context.store.get(KIND, name)
    if document is None:
        return _error("ValidationError", f"Endpoint {name} of account {context.account} not found.")
    try:
        return _invoke(context, document, headers, body, begin)
    except Replaced:  # an update changed over just now; the new servers respond
        return _invoke(context, document, headers, body, begin)


def _invoke(
    context: Context, document: Document, headers: Mapping[str, str], body: bytes, begin: float
) -> HttpResponse:
    name = document["EndpointName"]
    deployment = context.endpoints.serving(name, TIMEOUT)
    if deployment is None:
        status = document["EndpointStatus"]
        message = f"Endpoint {name} is not able to serve: it is {status}, not InService."
        return _error("ValidationError", message)
    variant = deployment.choose(headers.get(VARIANT))
    if variant is None:
        message = f"Variant {headers.get(VARIANT)} of endpoint {name} cannot be invoked; "
        return _error("ValidationError", f"{message}there are {', '.join(deployment.weights)}.")
    passed = {"content-type": "application/octet-stream", "accept": "*/*"}
    passed |= {key: headers[key] for key in PASSED if key in headers}
    sent = time.perf_counter()
    try:
        with deployment.server(variant) as server:
            response = server.client.post(
                "/invocations", content=body, headers=passed, timeout=TIMEOUT
            )
    except httpx.TimeoutException:
        _measure(context, name, variant)
        message = (
            "Your invocation timed out while waiting for a response from container primary "
            f"({TIMEOUT:.0f} seconds)."
        )
        return _model_error(context, name, message, 0, "")
    except httpx.TransportError as error:
        _measure(context, name, variant)
        message = f"The container of endpoint {name} did not respond ({error}); it is restarted."
        return _model_error(context, name, message, 503, str(error))
    _measure(context, name, variant, response.status_code, sent - begin, time.perf_counter() - sent)
    if not response.is_success:
        side = "client" if response.status_code < 500 else "server"
        text = response.text
        message = (
            f"Received {side} error ({response.status_code}) from primary with message "
            f'"{text}". See the log group {log_group(name)} for more information.'
        )
        return _model_error(context, name, message, response.status_code, text)
    answer_type = response.headers.get("content-type", "application/octet-stream")
    exchange = Exchange(
        *(name, variant, body, response.content, passed["content-type"], answer_type),
        *(headers.get(ATTRIBUTES, ""), headers.get(INFERENCE_ID, "")),
    )
    context.captures.record(deployment.config.get("DataCaptureConfig"), exchange)
    reply = {
        "content-type": answer_type,
        "x-amzn-invoked-production-variant": variant,
    }
    if ATTRIBUTES in response.headers:
        reply[ATTRIBUTES] = response.headers[ATTRIBUTES]
    return HttpResponse(200, reply, response.content)


def _measure(
    context: Context,
    endpoint: str,
    variant: str,
    status: int | None = None,
    overhead: float = 0.0,
    latency: float = 0.0,
) -> None:
    """Record an invocation as SageMaker's "endpoint invocation metrics" of CloudWatch.

    Args:
        context: the server.
        endpoint: the endpoint's name.
        variant: the production variant's name.
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
    if status is not None:
        values.append(Measurement("ModelLatency", latency * 1e6, "Microseconds"))
        values.append(Measurement("OverheadLatency", overhead * 1e6, "Microseconds"))
    context.metrics.record(
        "AWS/SageMaker", {"EndpointName": endpoint, "VariantName": variant}, values
    )


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
