"""What every service is built with: the table of operations and the context handed to them.

Services register what they do here and find each other here, so that none has to import another to
be its client: an operation is called as AWS's clients call it, and a `peer` is the little that
services do for each other beside that.
"""

import functools
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.loaders
from botocore.model import OperationModel, ServiceModel

from sagemaker_emulator.aws import request_shapes
from sagemaker_emulator.storage.store import Store

if TYPE_CHECKING:
    from sagemaker_emulator.storage.s3 import S3

Response = Mapping[str, object]
_Handler = TypeVar("_Handler", bound=Callable[..., Response])
RouteHandler = Callable[["Context", "HttpRequest"], "HttpResponse"]

operations: dict[tuple[str, str], Callable[..., Response]] = {}
routes: list[tuple[str, re.Pattern[str], RouteHandler]] = []
_peers: dict[str, Callable[..., Any]] = {}
_Peer = TypeVar("_Peer", bound=Callable[..., Any])


def operation(name: str, service: str = "sagemaker") -> Callable[[_Handler], _Handler]:
    """Register a function as the implementation of an operation of botocore's service model.

    The request is validated against the model before the function sees it: timestamps are seconds
    since the epoch, blobs are bytes. Whatever the function returns is cut down to the model's
    output shape, so a stored document may be returned as it is.
    """

    def register(handler: _Handler) -> _Handler:
        operations[service, name] = handler
        return handler

    return register


def route(method: str, path: str) -> Callable[[RouteHandler], RouteHandler]:
    """Register a raw REST handler, for bodies that are no JSON: `/endpoints/{name}/invocations`."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def register(handler: RouteHandler) -> RouteHandler:
        routes.append((method, pattern, handler))
        return handler

    return register


def peer(method: str) -> Callable[[_Peer], _Peer]:
    """Register the function that does what the `Context` method of that name promises."""

    def register(function: _Peer) -> _Peer:
        _peers[method] = function
        return function

    return register


# Of the SageMaker SDK; where it is not set, a file in /etc is read.
SDK_DEFAULTS = "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"


@dataclass(frozen=True)
class HttpRequest:
    """What a raw REST handler is given. Header names are lower case."""

    parameters: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpResponse:
    """What a raw REST handler answers."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """The server as an operation sees it: where things are, and the way to other services."""

    state: Path
    images: Path
    runtime: str
    url: str
    s3_url: str
    store: Store
    s3: "S3"
    account: str = "123456789012"
    region: str = "us-east-1"

    @property
    def client_environment(self) -> dict[str, str]:
        """The variables that point any AWS client here; jobs and Lambda functions get them too."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.s3_url,
            "AWS_ACCESS_KEY_ID": "emulator",
            "AWS_SECRET_ACCESS_KEY": "emulator",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            SDK_DEFAULTS: str(self.sdk_defaults),
        }

    @property
    def sdk_defaults(self) -> Path:
        """The SageMaker SDK's configuration for this server, written when it starts.

        Without a default bucket the SDK asks AWS's own STS, at an address that cannot be changed,
        for the account; and it would tell AWS of every call.
        """
        return self.state.resolve() / "sagemaker.json"

    @property
    def tracking_uri(self) -> str:
        """The MLflow store that training jobs get, as AWS's managed MLflow would be one."""
        return f"sqlite:///{self.state.resolve() / 'mlflow.db'}"

    def arn(self, resource: str, name: str, service: str = "sagemaker") -> str:
        """The ARN of a resource: `arn("processing-job", name)`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}/{name}"

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call a SageMaker operation as a client would, without the HTTP.

        Raises:
            ApiError: What the client would have seen.
        """
        return call(self, "sagemaker", operation, request)

    def invoke_lambda(self, name: str, payload: Any) -> dict[str, Any]:
        """Run a Lambda function to its end.

        Args:
            name: Its name or ARN.
            payload: Any JSON value.

        Returns:
            {"StatusCode", "FunctionError" (only when it failed), "Payload" (the JSON value)}.

        Raises:
            ApiError: There is no such function.
        """
        answer: dict[str, Any] = _peers["invoke_lambda"](self, name, payload)
        return answer

    def emit(self, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        """Send an `aws.sagemaker` event to EventBridge's default bus."""
        _peers["emit"](self, "aws.sagemaker", detail_type, detail, resources)

    def log(self, group: str, stream: str, lines: list[str]) -> None:
        """Append lines to a CloudWatch log stream, which is made when missing."""
        _peers["log"](self, group, stream, [(time.time(), line) for line in lines])

    def tag(self, arn: str, tags: Any) -> None:
        """Keep the `Tags` of a Create request, where ListTags finds them."""
        _peers["tag"](self, arn, tags or [])


@functools.cache
def service_model(service: str) -> ServiceModel:
    """The service's model, as botocore ships it."""
    return ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


@functools.cache
def operation_model(service: str, name: str) -> OperationModel:
    """An operation's model.

    Raises:
        ApiError: The service has no such operation, or it is not run here.
    """
    if (service, name) not in operations:
        known = [operation for owner, operation in operations if owner == service]
        raise request_shapes.unknown_operation(service, name, known)
    return service_model(service).operation_model(name)


def call(context: Context, service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Validate a request, run its operation, and cut the result down to the model's output.

    Raises:
        ApiError: The operation is unknown, the request is wrong, or the operation says so.
    """
    model = operation_model(service, name)
    parsed = request_shapes.parse(model.input_shape, request)
    result = operations[service, name](context, parsed)
    return request_shapes.present(model.output_shape, result) or {}
