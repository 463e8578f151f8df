"""The table of operations: registered by the services, called by clients and by other services."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import botocore.loaders
from botocore.model import OperationModel, ServiceModel

from sagemaker_emulator.aws import request_shapes

Response = Mapping[str, object]
_Handler = TypeVar("_Handler", bound=Callable[..., Response])

operations: dict[tuple[str, str], Callable[..., Response]] = {}


def operation(name: str, service: str = "sagemaker") -> Callable[[_Handler], _Handler]:
    """Register a function `(context, request)` as an operation of botocore's service model.

    The request is validated against the model before the function sees it: timestamps are seconds
    since the epoch, blobs are bytes. Whatever the function returns is cut down to the model's
    output shape, so a stored document may be returned as it is.
    """

    def register(handler: _Handler) -> _Handler:
        operations[service, name] = handler
        return handler

    return register


@dataclass(frozen=True)
class HttpResponse:
    """What goes back to the client."""

    status: int
    headers: dict[str, str]
    body: bytes


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
    parsed = request_shapes.parse(model.input_shape, request)
    result = operations[service, name](context, parsed)
    return request_shapes.present(model.output_shape, result) or {}
