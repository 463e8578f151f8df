"""A request of SageMaker Runtime: what of it is for the service, and what the container gets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sagemaker_emulator.aws import numerals, request_shapes
from sagemaker_emulator.aws.dispatch import service_model
from sagemaker_emulator.errors import invalid

ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
SECONDS = 60.0  # for a container's response
# What AWS passes on to the container, by member; the rest of the request was for the service.
_PASSED = {
    "ContentType": "content-type",
    "Accept": "accept",
    "CustomAttributes": ATTRIBUTES,
    "InferenceId": INFERENCE_ID,
}
_TARGETS = {"TargetVariant", "TargetContainerHostname", "TargetModel"}
_QUEUED = {
    *("InputLocation", "S3OutputPathExtension", "Filename"),
    *("RequestTTLSeconds", "InvocationTimeoutSeconds"),
}
_HONOURED = {
    "InvokeEndpoint": {*_PASSED, *_TARGETS},
    "InvokeEndpointAsync": {*_PASSED, *_QUEUED},
    "InvokeEndpointWithResponseStream": {*_PASSED, "TargetVariant", "TargetContainerHostname"},
}


@dataclass(frozen=True)
class Invocation:
    """What an endpoint is asked.

    Attributes:
        endpoint: its name.
        members: the members of the request that travel as headers.
        body: what the container gets.
        seconds: the longest wait for its response.
        begin: when it came, by `time.perf_counter`.
    """

    endpoint: str
    members: Mapping[str, Any]
    body: bytes
    seconds: float = SECONDS
    begin: float = field(default_factory=time.perf_counter)

    @classmethod
    def read(
        cls, operation: str, endpoint: str, headers: Mapping[str, str], body: bytes
    ) -> Invocation:
        """Read a request, and check its members that travel as headers.

        Args:
            operation: its name.
            endpoint: the endpoint's name.
            headers: the request's, with names in lower case.
            body: as it came.

        Raises:
            ApiError: one of them is not honoured here, or is too long.
        """
        members = {
            name: _value(headers[header], kind)
            for header, (name, kind) in _members(operation).items()
            if header in headers
        }
        if others := [name for name in members if name not in _HONOURED[operation]]:
            raise invalid(
                f"The emulator does not run {operation} with {', '.join(others)}. Leave it out."
            )
        shape = service_model("sagemaker-runtime").operation_model(operation).input_shape
        # The limit of InvokeEndpoint's body there is an older one.
        checked = body if operation == "InvokeEndpointAsync" else b""
        request_shapes.parse(shape, {**members, "EndpointName": endpoint, "Body": checked})
        return cls(endpoint, members, body)

    @property
    def passed(self) -> dict[str, str]:
        """The headers that the container gets."""
        passed = {"content-type": "application/octet-stream", "accept": "*/*"}
        return passed | {
            header: self.members[name] for name, header in _PASSED.items() if name in self.members
        }

    @property
    def variant(self) -> str | None:
        """The TargetVariant; None without one."""
        return self.members.get("TargetVariant")

    @property
    def container(self) -> str | None:
        """The TargetContainerHostname; None without one."""
        return self.members.get("TargetContainerHostname")

    @property
    def model(self) -> str | None:
        """The TargetModel; None without one."""
        return self.members.get("TargetModel")

    @property
    def attributes(self) -> str:
        """The custom attributes; "" without any."""
        return str(self.members.get("CustomAttributes", ""))

    @property
    def inference_id(self) -> str:
        """The InferenceId; "" without one."""
        return str(self.members.get("InferenceId", ""))


def _value(text: str, kind: str) -> str | int:
    number = numerals.integer(text) if kind == "integer" else None
    return text if number is None else number


@cache
def _members(operation: str) -> dict[str, tuple[str, str]]:
    """The name and type of each member that travels as a header, by the header in lower case."""
    shape = service_model("sagemaker-runtime").operation_model(operation).input_shape
    members = shape.members.items() if shape else ()
    return {
        member.serialization["name"].lower(): (name, member.type_name)
        for name, member in members
        if member.serialization.get("location") == "header"
    }
