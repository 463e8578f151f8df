"""Whether a request that moto stumbled over is at fault itself, by botocore's model.

moto checks little of what it is sent: what is missing, or of another type, ends in any exception.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sagemaker_emulator.aws import json_text, request_shapes
from sagemaker_emulator.errors import ApiError

# botocore's names of the services whose name in signatures is another.
_MODELS = {
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
    "email": "ses",
    "elasticloadbalancing": "elbv2",
}


def check_body(headers: Mapping[str, str], body: bytes) -> None:
    """Refuse a request of the JSON protocol whose body is no JSON object.

    Raises:
        ApiError: `SerializationException`.
    """
    if "x-amz-target" not in headers or "content-encoding" in headers:
        return
    try:
        document = json_text.loads(body or b"{}")
    except ValueError as problem:
        message = f"the request body is not JSON: {problem}"
        raise ApiError("SerializationException", message) from None
    if not isinstance(document, dict):
        raise ApiError("SerializationException", "the request body is not a JSON object")


def fault(
    problem: Exception, service: str, headers: Mapping[str, str], body: bytes
) -> ApiError | None:
    """What is wrong with a request of a JSON or query protocol; None where nothing is found.

    Args:
        problem: what moto raised.
        service: the name in the request's signature.
        headers: of the request, with lower-case names.
        body: of the request, which `check_body` has passed.
    """
    code = "ValidationException" if "x-amz-target" in headers else "ValidationError"
    if isinstance(problem, json.JSONDecodeError | UnicodeError | RecursionError) or (
        type(problem).__module__.startswith("yaml.")
    ):  # a template, a policy
        return ApiError(code, f"a document in the request is not well-formed: {problem}")
    return _of_model(service, headers, body)


def _of_model(service: str, headers: Mapping[str, str], body: bytes) -> ApiError | None:
    """What is wrong with a request by its operation's model; None where nothing is found."""
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.utils import get_service_model

    form = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    target = headers.get("x-amz-target", "")
    action = target.rpartition(".")[2] or form.get("Action", "")
    if not action:
        return None
    try:
        model = get_service_model(_MODELS.get(service, service))
        operation = model.operation_model(action)
    except UnknownServiceError:
        return None
    except OperationNotFoundError:
        code = "UnknownOperationException" if target else "InvalidAction"
        return ApiError(code, f"{service} has no operation {action!r}")
    if target:
        document: Any = json_text.loads(body or b"{}")
    else:
        parser: Any = PROTOCOL_PARSERS[str(model.protocol)](operation)
        try:
            document = parser.parse({"values": form})
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            return ApiError("MalformedInput", f"a value cannot be parsed: {error}")
    try:
        request_shapes.parse(operation.input_shape, document)
    except ApiError as error:
        return error
    return None


# The requests for messages, of SQS and SNS.
_OF_MESSAGES = frozenset(
    {
        *("SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage"),
        *("DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch"),
        *("PurgeQueue", "Publish", "PublishBatch"),
    }
)


def is_of_messages(request: Mapping[str, Any]) -> bool:
    """Whether a kept request to SQS or SNS is one for messages: they are kept, not the request."""
    if request["service"] not in ("sqs", "sns"):
        return False
    body = base64.b64decode(request["body"])
    return action_of(request["headers"], body, request["path"]) in _OF_MESSAGES


def action_of(headers: Mapping[str, str], body: bytes, path: str) -> str:
    """The operation of a request of a JSON or query protocol; empty where it is of another."""
    if target := headers.get("x-amz-target", "").rpartition(".")[2]:
        return target
    form = body or path.partition("?")[2].encode("latin-1", "replace")
    found = re.search(rb"(?:^|&)Action=(\w+)", form)
    return found.group(1).decode() if found else ""


def receives(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a request to SQS waits for messages."""
    target = headers.get("x-amz-target", "")
    return target.endswith(".ReceiveMessage") or bool(
        not target and re.search(rb"(?:^|&)Action=ReceiveMessage(?:&|$)", body)
    )
