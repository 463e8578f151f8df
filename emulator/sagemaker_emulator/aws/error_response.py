"""An error as the protocol of its request words it: JSON, CBOR or one of three kinds of XML.

The protocols are those of the Smithy documentation, "AWS protocols".
"""

import json
import re
import uuid
from typing import Literal
from xml.sax.saxutils import escape

from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.errors import ApiError

Protocol = Literal["json", "cbor", "query", "ec2", "s3"]

# Their errors are worded as those of the query protocol.
_REST_XML = ("cloudfront", "route53", "s3-control")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def protocol_of(request: SignedRequest, service: str | None) -> Protocol:
    """The protocol in which a client of a service made this request, and reads its response."""
    headers = request.values
    if "x-amz-target" in headers:
        return "json"
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "cbor"
    if service == "s3":
        return "s3"
    if service == "ec2":
        return "ec2"
    form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    if form or service in _REST_XML or any(name == "Action" for name, _ in request.arguments):
        return "query"
    return "json"


def error_response(problem: ApiError, protocol: Protocol = "json") -> HttpResponse:
    """The response to a request that failed."""
    code, message = problem.code, problem.message
    if protocol == "json":
        # The JSON protocols read `__type` and `message`; REST-JSON reads the header.
        document = {"__type": code, "message": message, "Message": message}
        headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
        return HttpResponse(problem.status, headers, json.dumps(document).encode())
    if protocol == "cbor":
        body = b"\xa2" + b"".join(map(_cbor, ("__type", code, "message", message)))
        headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return HttpResponse(problem.status, headers, body)
    shown = escape(_NOT_XML.sub("\ufffd", message))
    error = f"<Code>{escape(code)}</Code><Message>{shown}</Message>"
    request_id = str(uuid.uuid4())
    if protocol == "s3":
        xml = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    elif protocol == "ec2":
        xml = (
            f"<Response><Errors><Error>{error}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        side = "Sender" if problem.status < 500 else "Receiver"
        xml = (
            f"<ErrorResponse><Error><Type>{side}</Type>{error}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return HttpResponse(problem.status, {"content-type": "text/xml"}, xml.encode())


def _cbor(text: str) -> bytes:
    """A text string of RFC 8949."""
    content = text.encode("utf-8", "replace")
    return b"\x7a" + len(content).to_bytes(4, "big") + content
