"""Functions of Lambda: their code, permissions, what becomes of failed events, and queues."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from sagemaker_emulator.services.stacks.kinds import (
    Api,
    Kind,
    Made,
    Properties,
    kind,
    picked,
    tags_of,
)

_CONFIGURATION = (
    *("Description", "Environment", "Handler", "MemorySize", "Role", "Runtime", "Timeout"),
    *("Layers", "DeadLetterConfig", "EphemeralStorage", "TracingConfig", "VpcConfig", "KmsKeyArn"),
)


@kind
class Function(Kind):
    """AWS::Lambda::Function."""

    name = "AWS::Lambda::Function"
    naming = "FunctionName"
    properties = frozenset(
        (
            *(*_CONFIGURATION, "Architectures", "Code", "PackageType", "Tags"),
            "ReservedConcurrentExecutions",
        )
    )
    unused = frozenset(("LoggingConfig",))
    replacing = frozenset(("PackageType",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the function."""
        function = api.client("lambda").create_function(
            FunctionName=name,
            Code=_code(properties),
            Tags=tags_of(properties),
            **picked(properties, "Architectures", "PackageType"),
            **_configuration(properties),
        )
        return Made(name, {"Arn": function["FunctionArn"]})

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Set how many invocations may run at a time."""
        client, reserved = api.client("lambda"), properties.get("ReservedConcurrentExecutions")
        if reserved is not None:
            client.put_function_concurrency(
                FunctionName=made.id, ReservedConcurrentExecutions=int(reserved)
            )
        elif "ReservedConcurrentExecutions" in before:
            client.delete_function_concurrency(FunctionName=made.id)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change its configuration and, if it is other code, its code."""
        client = api.client("lambda")
        client.update_function_configuration(FunctionName=made.id, **_configuration(properties))
        client.get_waiter("function_updated_v2").wait(FunctionName=made.id)
        if properties["Code"] != before.get("Code"):
            client.update_function_code(FunctionName=made.id, **_code(properties))
        if tags := tags_of(properties):
            client.tag_resource(Resource=made.attributes["Arn"], Tags=tags)
        self.configure(api, made, properties, before)
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("lambda").delete_function(FunctionName=made.id)


def _configuration(properties: Properties) -> dict[str, Any]:
    made = picked(properties, *_CONFIGURATION)
    for number in ("MemorySize", "Timeout"):
        if number in made:
            made[number] = int(made[number])
    return made


def _code(properties: Properties) -> dict[str, Any]:
    """The code as the API takes it: CloudFormation's ZipFile is the text of one module."""
    code = properties["Code"]
    if "ZipFile" not in code:
        return picked(code, "S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("index.py", (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, code["ZipFile"])
    return {"ZipFile": packed.getvalue()}


@kind
class Permission(Kind):
    """AWS::Lambda::Permission."""

    name = "AWS::Lambda::Permission"
    properties = frozenset(
        (
            *("Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"),
            *("EventSourceToken", "PrincipalOrgID"),
        )
    )

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Add the statement to the function's policy."""
        statement = name[-90:].lstrip("-")
        api.client("lambda").add_permission(
            StatementId=statement, **picked(properties, *self.properties)
        )
        return Made(statement, {"Id": statement})

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Take it out of the policy."""
        api.client("lambda").remove_permission(
            FunctionName=properties["FunctionName"], StatementId=made.id
        )


@kind
class EventInvokeConfig(Kind):
    """AWS::Lambda::EventInvokeConfig."""

    name = "AWS::Lambda::EventInvokeConfig"
    properties = frozenset(
        (
            *("DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds"),
            *("MaximumRetryAttempts", "Qualifier"),
        )
    )
    replacing = frozenset(("FunctionName", "Qualifier"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Set what becomes of the function's failed events."""
        client = api.client("lambda")
        client.put_function_event_invoke_config(**_numbers(properties, *self.properties))
        return Made(f"{properties['FunctionName']}:{properties.get('Qualifier', '$LATEST')}")

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Set it anew."""
        return self.create(api, made.id, properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Take it away."""
        api.client("lambda").delete_function_event_invoke_config(
            **picked(properties, "FunctionName", "Qualifier")
        )


@kind
class EventSourceMapping(Kind):
    """AWS::Lambda::EventSourceMapping."""

    name = "AWS::Lambda::EventSourceMapping"
    properties = frozenset(
        (
            *("BatchSize", "Enabled", "EventSourceArn", "FilterCriteria", "FunctionName"),
            *("FunctionResponseTypes", "MaximumBatchingWindowInSeconds", "ScalingConfig"),
        )
    )
    replacing = frozenset(("EventSourceArn",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Let the function take the source's messages."""
        made = api.client("lambda").create_event_source_mapping(
            **_numbers(properties, *self.properties)
        )
        return Made(made["UUID"], {"Id": made["UUID"]})

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change how it does."""
        kept = self.properties - self.replacing
        api.client("lambda").update_event_source_mapping(
            UUID=made.id, **_numbers(properties, *kept)
        )
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """End it."""
        api.client("lambda").delete_event_source_mapping(UUID=made.id)


def _numbers(properties: Properties, *names: str) -> dict[str, Any]:
    """The properties of these names, with whole numbers that a template wrote as texts."""
    made = picked(properties, *names)
    for key, value in made.items():
        if isinstance(value, str) and value.isdecimal() and key != "Qualifier":
            made[key] = int(value)
        elif value in ("true", "false"):
            made[key] = value == "true"
    return made
