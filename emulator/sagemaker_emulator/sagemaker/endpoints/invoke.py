"""InvokeEndpoint: a request's body handed to a variant's container, and its answer handed back.

The errors are those of the SageMaker Runtime API reference; the size of a request is that of the
developer guide's "Model Hosting FAQs", which is newer.
"""

import json
from typing import Any

import httpx

from sagemaker_emulator.aws.dispatch import Context, HttpRequest, HttpResponse, route
from sagemaker_emulator.sagemaker.endpoints import deployments
from sagemaker_emulator.sagemaker.endpoints.deployment import Replaced

MAX_BODY = 25 * 1024 * 1024
TIMEOUT = 60.0
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
VARIANT = "x-amzn-sagemaker-target-variant"
# What AWS passes on to the container; the rest of the request was for the service.
PASSED = ("content-type", "accept", ATTRIBUTES, "x-amzn-sagemaker-inference-id")


@route("POST", "/endpoints/{name}/invocations")
def invoke_endpoint(context: Context, request: HttpRequest) -> HttpResponse:
    """Ask a model."""
    name = request.parameters["name"]
    document = context.store.get(deployments.KIND, name)
    if document is None:
        return _error("ValidationError", f"Endpoint {name} of account {context.account} not found.")
    if len(request.body) > MAX_BODY:
        said = f"Request size {len(request.body)} bytes exceeds the maximum of {MAX_BODY} bytes."
        return _error("ValidationError", said)
    try:
        return _invoke(context, request, document)
    except Replaced:  # an update changed over just now; what it brought serves
        return _invoke(context, request, document)


def _invoke(context: Context, request: HttpRequest, document: dict[str, Any]) -> HttpResponse:
    name = document["EndpointName"]
    deployment = deployments.of(context).serving(name, TIMEOUT)
    if deployment is None:
        state = document["EndpointStatus"]
        said = f"Endpoint {name} is not able to serve: it is {state}, not InService."
        return _error("ValidationError", said)
    variant = deployment.choose(request.headers.get(VARIANT))
    if variant is None:
        said = f"Variant {request.headers.get(VARIANT)} of endpoint {name} cannot be invoked; "
        return _error("ValidationError", f"{said}there are {', '.join(deployment.weights)}.")
    headers = {key: request.headers[key] for key in PASSED if key in request.headers}
    headers.setdefault("content-type", "application/octet-stream")
    headers.setdefault("accept", "*/*")
    try:
        with deployment.server(variant) as server:
            answer = server.client.post(
                "/invocations", content=request.body, headers=headers, timeout=TIMEOUT
            )
    except httpx.TimeoutException:
        said = (
            "Your invocation timed out while waiting for a response from container primary "
            f"({TIMEOUT:.0f} seconds)."
        )
        return _model_error(context, name, said, 0, "")
    except httpx.TransportError as error:
        said = f"The container of endpoint {name} did not answer ({error}); it is started again."
        return _model_error(context, name, said, 503, str(error))
    if not answer.is_success:
        side = "client" if answer.status_code < 500 else "server"
        text = answer.text
        said = (
            f"Received {side} error ({answer.status_code}) from primary with message "
            f'"{text}". See the log group /aws/sagemaker/Endpoints/{name} for more information.'
        )
        return _model_error(context, name, said, answer.status_code, text)
    reply = {
        "content-type": answer.headers.get("content-type", "application/octet-stream"),
        "x-amzn-invoked-production-variant": variant,
    }
    if ATTRIBUTES in answer.headers:
        reply[ATTRIBUTES] = answer.headers[ATTRIBUTES]
    return HttpResponse(answer.content, 200, reply)


def _error(code: str, message: str, status: int = 400, **members: Any) -> HttpResponse:
    body = json.dumps({"Message": message, "message": message, **members}).encode()
    headers = {"content-type": "application/json", "x-amzn-errortype": code}
    return HttpResponse(body, status, headers)


def _model_error(
    context: Context, name: str, message: str, status: int, original: str
) -> HttpResponse:
    group = f"/aws/sagemaker/Endpoints/{name}"
    return _error(
        "ModelError",
        message,
        424,
        OriginalStatusCode=status,
        OriginalMessage=original,
        LogStreamArn=context.arn("log-group", "", "logs").replace("/", ":") + group,
    )
