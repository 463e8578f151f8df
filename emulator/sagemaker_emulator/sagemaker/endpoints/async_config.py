"""What an endpoint configuration's AsyncInferenceConfig asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.errors import JobFailed, invalid
from sagemaker_emulator.sagemaker.endpoints import variants
from sagemaker_emulator.storage.location import Location

HONOURED = """
    AsyncInferenceConfig{
        ClientConfig{MaxConcurrentInvocationsPerInstance}
        OutputConfig{
            S3OutputPath S3FailurePath
            NotificationConfig{SuccessTopic ErrorTopic IncludeInferenceResponseIn}
        }
    }
"""
KEPT = "AsyncInferenceConfig{OutputConfig{KmsKeyId}}"
# AWS chooses an optimal number where there is none; it names no rule.
_CONCURRENT = 4


def check(config: Mapping[str, Any]) -> None:
    """Check the AsyncInferenceConfig of a new configuration, if it has one.

    Args:
        config: the request.

    Raises:
        ApiError: it names the member.
    """
    asynchronous = config.get("AsyncInferenceConfig")
    if not asynchronous:
        return
    place = "AsyncInferenceConfig.OutputConfig"
    output = asynchronous["OutputConfig"]
    if "S3OutputPath" not in output:
        raise invalid(f"{place}: the emulator needs S3OutputPath, where responses are written.")
    for member in ("S3OutputPath", "S3FailurePath"):
        try:
            Location.parse(output.get(member, output["S3OutputPath"]))
        except JobFailed as problem:
            text = str(problem).removeprefix("ClientError: ")
            raise invalid(f"{place}.{member}: {text}.") from None
    if any("ServerlessConfig" in variant for variant in variants.all_of(config)):
        raise invalid("AsyncInferenceConfig: serverless endpoints cannot be asynchronous.")
    if config.get(variants.SHADOW):
        raise invalid(
            f"AsyncInferenceConfig: asynchronous endpoints cannot have {variants.SHADOW}."
        )


def concurrency(config: Mapping[str, Any]) -> int:
    """How many asynchronous invocations of an endpoint are under way at a time.

    Args:
        config: the configuration that serves.
    """
    client = config.get("AsyncInferenceConfig", {}).get("ClientConfig", {})
    instances = sum(map(variants.count_of, config[variants.PRODUCTION]))
    return int(client.get("MaxConcurrentInvocationsPerInstance", _CONCURRENT)) * max(1, instances)
