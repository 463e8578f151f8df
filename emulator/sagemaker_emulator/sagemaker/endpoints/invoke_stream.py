"""InvokeEndpointWithResponseStream: a container's response, sent on in the parts in which it comes.

Contract: the SageMaker Runtime API reference, and the developer guide, "Invoke models for real-time
inference": each part that the container sends in chunked encoding is a PayloadPart.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from sagemaker_emulator.aws import event_stream
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse, StreamedResponse
from sagemaker_emulator.aws.serving_ports import Deployment
from sagemaker_emulator.sagemaker.endpoints.invocation import Invocation
from sagemaker_emulator.sagemaker.endpoints.invoke import reply_headers, respond
from sagemaker_emulator.sagemaker.endpoints.variant_request import StreamFailed, ask_streamed


def invoke_endpoint_with_response_stream(
    context: Context, name: str, headers: Mapping[str, str], body: bytes
) -> HttpResponse:
    """Send the body to the endpoint's model and stream its response.

    Args:
        context: the server.
        name: the endpoint's name.
        headers: the request's, with names in lower case.
        body: the request's.
    """
    operation = "InvokeEndpointWithResponseStream"
    return respond(context, operation, name, headers, body, _streamed)


def _streamed(
    context: Context, deployment: Deployment, variant: str, request: Invocation
) -> HttpResponse:
    answer, parts = ask_streamed(context, deployment, variant, request)
    reply = {
        "content-type": event_stream.CONTENT_TYPE,
        "x-amzn-sagemaker-content-type": answer.content_type,
        **reply_headers(answer, variant),
    }
    return StreamedResponse(200, reply, b"", _messages(parts))


def _messages(parts: Generator[bytes]) -> Generator[bytes]:
    """The messages of an event stream, of the parts of a response."""
    try:
        for part in parts:
            yield event_stream.event("PayloadPart", part)
    except StreamFailed as failure:
        members = {"Message": str(failure), "ErrorCode": failure.code}
        yield event_stream.exception("ModelStreamError", members)
    finally:
        parts.close()
