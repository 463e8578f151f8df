"""What every service is built with: the registry of operations and the context handed to them."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.store import Store

if TYPE_CHECKING:
    from emulator.s3 import S3

Handler = Callable[["Context", dict[str, Any]], dict[str, Any]]
RouteHandler = Callable[["Context", "HttpRequest"], "HttpResponse"]

operations: dict[tuple[str, str], Handler] = {}
routes: list[tuple[str, re.Pattern[str], RouteHandler]] = []


def operation(name: str, service: str = "sagemaker") -> Callable[[Handler], Handler]:
    """Register a function as the implementation of an operation of botocore's service model.

    The request is validated against the model before the function sees it: timestamps are seconds
    since the epoch, blobs are bytes. Whatever the function returns is cut down to the model's
    output shape, so a stored document may be returned as it is.
    """

    def register(handler: Handler) -> Handler:
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
        }

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
        from emulator import protocol

        return protocol.call(self, "sagemaker", operation, request)

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
        from emulator.services import lambda_

        return lambda_.invoke(self, name, payload)

    def emit(self, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        """Send an `aws.sagemaker` event to EventBridge's default bus."""
        from emulator.services import events

        events.emit(self, "aws.sagemaker", detail_type, detail, resources)

    def log(self, group: str, stream: str, lines: list[str]) -> None:
        """Append lines to a CloudWatch log stream, which is made when missing."""
        from emulator.services import logs

        logs.append(self, group, stream, [(time.time(), line) for line in lines])

    def tag(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Keep the `Tags` of a Create request, where ListTags finds them."""
        from emulator.services.sagemaker import tags as tags_

        tags_.add(self, arn, tags or [])


def load() -> list[Any]:
    """Import every service, which registers its operations; they start in this order."""
    from emulator.services import events, lambda_, logs, runtime, sagemaker

    return [logs, lambda_, events, *sagemaker.MODULES, runtime]
