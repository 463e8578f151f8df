"""Errors of the services that moto runs, in the protocol of the request: JSON, XML or CBOR."""

import uuid
from collections.abc import Mapping
from xml.sax.saxutils import escape

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.errors import ApiError

# Those whose requests may have no body that tells their protocol, and that speak XML.
_XML_SERVICES = ("s3", "s3-control", "route53", "cloudfront")


def response(service: str, headers: Mapping[str, str], problem: ApiError) -> HttpResponse:
    """An error as the client of a service reads it.

    Args:
        service: the name in the request's signature.
        headers: of the request, with lower-case names.
        problem: the error.
    """
    kind = headers.get("content-type", "")
    if "cbor" in kind or headers.get("smithy-protocol") == "rpc-v2-cbor":
        body = _cbor({"__type": problem.code, "message": problem.message})
        answered = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return HttpResponse(problem.status, answered, body)
    if "x-www-form-urlencoded" not in kind and service not in _XML_SERVICES:
        return protocol.error(problem)
    identity = uuid.uuid4()
    inner = f"<Code>{escape(problem.code)}</Code><Message>{_text(problem.message)}</Message>"
    if service == "s3":
        xml = f"<Error>{inner}<RequestId>{identity}</RequestId></Error>"
    elif service == "ec2":
        error = f"<Errors><Error>{inner}</Error></Errors>"
        xml = f"<Response>{error}<RequestID>{identity}</RequestID></Response>"
    else:
        side = "Sender" if problem.status < 500 else "Receiver"
        error = f"<Error><Type>{side}</Type>{inner}</Error>"
        xml = f"<ErrorResponse>{error}<RequestId>{identity}</RequestId></ErrorResponse>"
    return HttpResponse(problem.status, {"content-type": "text/xml"}, xml.encode())


def _text(message: str) -> str:
    """A message without what XML cannot hold."""
    kept = "".join(c if c >= " " or c in "\t\n" else "\ufffd" for c in message)
    return escape(kept.encode(errors="replace").decode())


def _cbor(members: Mapping[str, str]) -> bytes:
    """A map of texts as CBOR (RFC 8949)."""
    parts = [bytes([0xA0 + len(members)])]
    for text in (text for item in members.items() for text in item):
        encoded = text.encode(errors="replace")
        parts += [b"\x7a", len(encoded).to_bytes(4, "big"), encoded]
    return b"".join(parts)
