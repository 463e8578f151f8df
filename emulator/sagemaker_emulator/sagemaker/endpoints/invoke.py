"""InvokeEndpoint: a request's body sent to a variant's container, and its response sent back.

The errors are those of the SageMaker Runtime API reference; the size of a request is that of the
developer guide's "Model Hosting FAQs", which is newer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.aws.serving_ports import Answer, Deployment
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.endpoints import serverless
from sagemaker_emulator.sagemaker.endpoints.deployment import Replaced, log_group
from sagemaker_emulator.sagemaker.endpoints.deployments import KIND
from sagemaker_emulator.sagemaker.endpoints.invocation import ATTRIBUTES, SECONDS, Invocation
from sagemaker_emulator.sagemaker.endpoints.serverless import Throttled
from sagemaker_emulator.sagemaker.endpoints.variant_request import ModelFailed, ask
from sagemaker_emulator.storage.store import Document

MAX_BODY = 25 * 1024 * 1024
Asking = Callable[[Context, Deployment, str, Invocation], HttpResponse]


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
    return respond(context, "InvokeEndpoint", name, headers, body, _whole)


def _whole(
    context: Context, deployment: Deployment, variant: str, request: Invocation
) -> HttpResponse:
    answer = ask(context, deployment, variant, request)
    reply = {"content-type": answer.content_type, **reply_headers(answer, variant)}
    return HttpResponse(200, reply, answer.response.content)


def reply_headers(answer: Answer, variant: str) -> dict[str, str]:
    """The headers of a response that tell who gave it, and its custom attributes."""
    headers = {"x-amzn-invoked-production-variant": variant}
    if ATTRIBUTES in answer.response.headers:
        headers[ATTRIBUTES] = answer.response.headers[ATTRIBUTES]
    return headers


def respond(
    context: Context,
    operation: str,
    name: str,
    headers: Mapping[str, str],
    body: bytes,
    ask_variant: Asking,
) -> HttpResponse:
    """Respond to a request that waits for the model's response.

    Args:
        context: the server.
        operation: its name.
        name: the endpoint's name.
        headers: the request's, with names in lower case.
        body: the request's.
        ask_variant: sends it to a variant, and raises what `ask` raises.
    """
    try:
        request = Invocation.read(operation, name, headers, body)
        document = endpoint_of(context, name)
    except ApiError as problem:
        return error("ValidationError", problem.message)
    if document["Config"].get("AsyncInferenceConfig"):
        message = f"Endpoint {name} is asynchronous; invoke it with InvokeEndpointAsync."
        return error("ValidationError", message)
    try:
        return _invoke(context, document, request, ask_variant)
    except Replaced:  # an update changed over just now; the new servers respond
        return _invoke(context, document, request, ask_variant)


def endpoint_of(context: Context, name: str) -> Document:
    """The document of an endpoint that is to be invoked.

    Raises:
        ApiError: there is none of that name.
    """
    document = context.store.get(KIND, name)
    if document is None:
        message = f"Endpoint {name} of account {context.account} not found."
        raise ApiError("ValidationError", message)
    return document


def _invoke(
    context: Context, document: Document, request: Invocation, ask_variant: Asking
) -> HttpResponse:
    name, target = request.endpoint, request.variant
    deployment = context.endpoints.serving(name, SECONDS)
    if deployment is None:
        status = document["EndpointStatus"]
        message = f"Endpoint {name} is not able to serve: it is {status}, not InService."
        return error("ValidationError", message)
    variant = deployment.choose(target)
    if variant is None:
        message = f"Variant {target} of endpoint {name} cannot be invoked; "
        return error("ValidationError", f"{message}there are {', '.join(deployment.weights)}.")
    if problem := deployment.target_problem(variant, request.container, request.model):
        return error("ValidationError", problem)
    if (shadow := deployment.shadow(variant)) is not None:
        deployment.copy(partial(_ask_shadow, context, deployment, shadow, request))
    if deployment.count(variant) == 0 and len(request.body) > serverless.MAX_BODY:
        message = (
            f"The body of a request to a serverless endpoint has at most {serverless.MAX_BODY}"
        )
        return error("ValidationError", f"{message} bytes; this one has {len(request.body)}.", 413)
    try:
        return ask_variant(context, deployment, variant, request)
    except Throttled:
        message = f"Endpoint {name} has as many requests under way as its MaxConcurrency allows."
        return error("ThrottlingException", message)
    except ApiError as refusal:  # of a multi-model container
        return error(refusal.code, refusal.message, refusal.status)
    except ModelFailed as failure:
        return model_error(context, name, failure)


def _ask_shadow(
    context: Context, deployment: Deployment, variant: str, request: Invocation
) -> None:
    """Send the copy of a request to a shadow variant; its answer is measured and captured only."""
    if deployment.target_problem(variant, request.container, request.model):
        return  # its model has other containers than the production variant's
    try:
        ask(context, deployment, variant, request)
    except (Replaced, ModelFailed, ApiError):  # measured, and in the log of its container
        return


def error(code: str, message: str, status: int = 400, **members: object) -> HttpResponse:
    """An error of SageMaker Runtime."""
    body = json.dumps({"Message": message, "message": message, **members}).encode()
    headers = {"content-type": "application/json", "x-amzn-errortype": code}
    return HttpResponse(status, headers, body)


def model_error(context: Context, name: str, failure: ModelFailed) -> HttpResponse:
    """A ModelError of an endpoint."""
    return error(
        "ModelError",
        str(failure),
        424,
        OriginalStatusCode=failure.status,
        OriginalMessage=failure.original,
        LogStreamArn=context.arn("log-group", "", "logs").replace("/", ":") + log_group(name),
    )
