"""A request of InvokeEndpoint: what of it is for the service, and what the container gets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from sagemaker_emulator.aws import request_shapes
from sagemaker_emulator.aws.dispatch import service_model
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.endpoints.loaded_models import TARGET_MODEL

ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
VARIANT = "x-amzn-sagemaker-target-variant"
CONTAINER = "x-amzn-sagemaker-target-container-hostname"
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
# What AWS passes on to the container; the rest of the request was for the service.
_PASSED = ("content-type", "accept", ATTRIBUTES, INFERENCE_ID)
_HONOURED = {*_PASSED, VARIANT, CONTAINER, TARGET_MODEL}


@dataclass(frozen=True)
class Invocation:
    """What an endpoint is asked.

    Attributes:
        endpoint: its name.
        headers: the request's, with names in lower case.
        body: as it came.
        begin: when it came, by `time.perf_counter`.
    """

    endpoint: str
    headers: Mapping[str, str]
    body: bytes
    begin: float = field(default_factory=time.perf_counter)

    def check(self) -> None:
        """Check the members that travel as headers.

        Raises:
            ApiError: one of them is not honoured here, or is too long.
        """
        given = {name: self.headers[h] for h, name in _members().items() if h in self.headers}
        if others := [
            name for h, name in _members().items() if name in given and h not in _HONOURED
        ]:
            raise invalid(
                f"The emulator does not run InvokeEndpoint with {', '.join(others)}. Leave it out."
            )
        shape = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
        # The body's limit there is an older one.
        request_shapes.parse(shape, {**given, "EndpointName": self.endpoint, "Body": b""})

    @property
    def passed(self) -> dict[str, str]:
        """The headers that the container gets."""
        passed = {"content-type": "application/octet-stream", "accept": "*/*"}
        return passed | {key: self.headers[key] for key in _PASSED if key in self.headers}

    @property
    def container(self) -> str | None:
        """The TargetContainerHostname; None without one."""
        return self.headers.get(CONTAINER)

    @property
    def model(self) -> str | None:
        """The TargetModel; None without one."""
        return self.headers.get(TARGET_MODEL)

    @property
    def attributes(self) -> str:
        """The custom attributes; "" without any."""
        return self.headers.get(ATTRIBUTES, "")

    @property
    def inference_id(self) -> str:
        """The InferenceId; "" without one."""
        return self.headers.get(INFERENCE_ID, "")


@cache
def _members() -> dict[str, str]:
    """The members of a request that travel as headers, by the headers' names in lower case."""
    shape = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
    members = shape.members.items() if shape else ()
    return {
        member.serialization["name"].lower(): name
        for name, member in members
        if member.serialization.get("location") == "header"
    }
