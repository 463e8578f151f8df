"""The table of operations: registered by the services, called by clients and by other services."""

import functools
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import botocore.loaders
from botocore.model import OperationModel, ServiceModel

from sagemaker_emulator.aws import members, request_shapes
from sagemaker_emulator.errors import ApiError

Response = Mapping[str, object]
_Handler = TypeVar("_Handler", bound=Callable[..., Response])

operations: dict[tuple[str, str], Callable[..., Response]] = {}
# What the operations that declare it honour of their requests: see `members`.
honoured: dict[tuple[str, str], Sequence[str]] = {}
kept: dict[tuple[str, str], Sequence[str]] = {}


def operation(
    name: str,
    service: str = "sagemaker",
    *,
    honours: Sequence[str] | None = None,
    keeps: Sequence[str] = (),
) -> Callable[[_Handler], _Handler]:
    """Register a function `(context, request)` as an operation of botocore's service model.

    The request is validated against the model before the function sees it: timestamps are seconds
    since the epoch, blobs are bytes. Whatever the function returns is cut down to the model's
    output shape, so a stored document may be returned as it is.

    Args:
        name: the operation.
        service: botocore's name of the service.
        honours: the members of the request that the function honours; a request with any other is
            refused by name. None: the function sees to that itself.
        keeps: the members that have no effect here, and that Describe shows as they came.
    """

    def register(handler: _Handler) -> _Handler:
        if honours is None:
            operations[service, name] = handler
            return handler
        honoured[service, name] = honours
        kept[service, name] = keeps

        @functools.wraps(handler)
        def checked(context: object, request: Mapping[str, Any]) -> Response:
            shape = service_model(service).operation_model(name).input_shape
            members.refuse_others(service, name, shape, request, (*honours, *keeps))
            return handler(context, request)

        operations[service, name] = checked
        return handler

    return register


@dataclass(frozen=True)
class HttpResponse:
    """What goes back to the client."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class StreamedResponse(HttpResponse):
    """One whose body is sent in parts, as they come.

    Attributes:
        parts: the body, read in threads and closed at the end, also where the client is gone.
    """

    parts: Generator[bytes]


@functools.cache
def service_model(service: str) -> ServiceModel:
    """The service's model, as botocore ships it."""
    return ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


@functools.cache
def operation_model(service: str, name: str) -> OperationModel:
    """An operation's model.

    Raises:
        ApiError: The emulator does not run an operation of that name.
    """
    if (service, name) not in operations:
        known = [operation for owner, operation in operations if owner == service]
        raise request_shapes.unknown_operation(service, name, known)
    return service_model(service).operation_model(name)


def call(context: object, service: str, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Validate a request, run its operation, and cut the result down to the model's output.

    Raises:
        ApiError: The operation is unknown, the request is invalid, or the operation refuses it.
    """
    model = operation_model(service, name)
    try:
        parsed = request_shapes.parse(model.input_shape, request, service)
        result = operations[service, name](context, parsed)
    except ApiError as problem:
        # CloudFormation, CloudWatch and Logs have no such error.
        others = ("cloudformation", "cloudwatch", "logs")
        if problem.code == "ValidationException" and service in others:
            raise ApiError(members.VALIDATION_CODES[service], problem.message) from None
        raise
    return request_shapes.present(model.output_shape, result) or {}
