"""Handing something over to what an ARN names: a queue, a topic, a function, a bus, a pipeline."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls
from sagemaker_emulator.services.queues import addresses

_MOST_ATTRIBUTE = 1024  # characters of an error's message
_Options = Mapping[str, Any]
_LOG_GROUP = ":log-group:"


def send(context: Context, arn: str, body: str, options: _Options) -> str:
    """Hand something over; it waits for moto, so not in a transaction.

    Args:
        context: The server.
        arn: What it is for.
        body: What is sent, a text. A function and a bus need JSON.
        options: Of the kind of target: `Attributes` and `MessageGroupId` of a queue, `Subject` and
            `Attributes` of a topic, `Permit` (principal and source) and `RequestId` of a function,
            `Source`, `DetailType` and `Resources` of a bus, `Parameters` and `Token` of a pipeline.

    Returns:
        The target's response, as JSON; empty where it has none.

    Raises:
        ApiError: The target refuses it, or is of a kind that is not run here.
    """
    kind = kind_of(arn)
    if kind is None:
        raise ApiError("ValidationException", f"{arn}: {RUN_HERE}")
    return _SENDERS[kind](context, arn, body, options)


def kind_of(arn: str) -> str | None:
    """The kind of target that an ARN names; None for one that is not run here."""
    return next((kind for kind, pattern in KINDS.items() if pattern.match(arn)), None)


KINDS = {
    "sqs": re.compile(r"arn:aws[a-z-]*:sqs:[^:]*:[^:]*:[^:/]+$"),
    "sns": re.compile(r"arn:aws[a-z-]*:sns:[^:]*:[^:]*:[^:/]+$"),
    "lambda": re.compile(r"arn:aws[a-z-]*:lambda:[^:]*:[^:]*:function:[^/]+$"),
    "events": re.compile(r"arn:aws[a-z-]*:events:[^:]*:[^:]*:event-bus/[^/]+$"),
    "pipeline": re.compile(r"arn:aws[a-z-]*:sagemaker:[^:]*:[^:]*:pipeline/[^/]+$"),
    "aws-sdk": re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:[^:]+:[^:]+$"),
    "logs": re.compile(r"arn:aws[a-z-]*:logs:[^:]*:[^:]*:log-group:[^:]+(:\*)?$"),
}
# A target by which any operation is called, and the services whose operations may be: botocore's
# name of each by the one in such an ARN.
UNIVERSAL = "arn:aws:scheduler:::aws-sdk:SERVICE:ACTION"
SDK_SERVICES = {
    "cloudwatch": "cloudwatch",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "lambda": "lambda",
    "sagemaker": "sagemaker",
    "scheduler": "scheduler",
    "sns": "sns",
    "sqs": "sqs",
}
_READS = ("Get", "List", "Describe", "BatchGet", "Query", "Scan", "Search", "Select")
RUN_HERE = (
    "only Lambda functions, pipelines, SQS queues, SNS topics, CloudWatch log groups and the "
    "event buses are run here"
)


def _to_queue(context: Context, arn: str, body: str, options: _Options) -> str:
    url = addresses.url_of(context, arn)
    attributes = {
        key: {
            "StringValue": str(value)[:_MOST_ATTRIBUTE],
            "DataType": "Number" if isinstance(value, int) else "String",
        }
        for key, value in options.get("Attributes", {}).items()
    }
    more: dict[str, Any] = {"MessageAttributes": attributes} if attributes else {}
    if group := options.get("MessageGroupId"):
        more["MessageGroupId"] = group
    sent = aws_calls.call(context, "sqs", "SendMessage", QueueUrl=url, MessageBody=body, **more)
    return json.dumps({key: sent[key] for key in ("MessageId", "MD5OfMessageBody") if key in sent})


def _to_topic(context: Context, arn: str, body: str, options: _Options) -> str:
    more = {"Subject": options["Subject"]} if options.get("Subject") else {}
    attributes = {
        key: {"StringValue": str(value)[:_MOST_ATTRIBUTE], "DataType": "String"}
        for key, value in options.get("Attributes", {}).items()
    }
    sent = aws_calls.call(
        context, "sns", "Publish", TopicArn=arn, Message=body, MessageAttributes=attributes, **more
    )
    return json.dumps({"MessageId": sent["MessageId"]})


def _to_function(context: Context, arn: str, body: str, options: _Options) -> str:
    if "Permit" in options:
        principal, source = options["Permit"]
        if not context.functions.permits(arn, principal, source):
            raise ApiError(
                "AccessDeniedException",
                f"{arn} does not permit {principal} to invoke it for {source}; "
                "the event was dropped as it is on AWS (lambda add-permission)",
            )
    context.functions.invoke_later(arn, json.loads(body), options.get("RequestId", ""))
    return ""


def _to_bus(context: Context, arn: str, body: str, options: _Options) -> str:
    found = aws_calls.call(context, "events", "DescribeEventBus", Name=arn)
    identity = context.events.emit(
        options["DetailType"],
        json.loads(body),
        options.get("Resources", []),
        options["Source"],
        bus=found["Name"],
    )
    return json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": identity}]})


def _to_pipeline(context: Context, arn: str, body: str, options: _Options) -> str:
    request: dict[str, Any] = {"PipelineName": arn, "ClientRequestToken": options["Token"]}
    if values := options.get("Parameters"):
        request["PipelineParameters"] = values
    return json.dumps(context.call("StartPipelineExecution", **request))


def _to_log_group(context: Context, arn: str, body: str, options: _Options) -> str:
    group = arn.partition(_LOG_GROUP)[2].removesuffix(":*")
    found = aws_calls.call(context, "logs", "DescribeLogGroups", logGroupNamePrefix=group)
    if all(each["logGroupName"] != group for each in found["logGroups"]):
        message = "The specified log group does not exist."
        raise ApiError("ResourceNotFoundException", message)
    stream = f"{time.strftime('%Y/%m/%d')}/{uuid.uuid4()}"
    context.logs.append(group, stream, [body])
    return ""


def operation_of(arn: str) -> tuple[str, str]:
    """Botocore's names of the service and operation of a universal target.

    Raises:
        ApiError: `ValidationException`: a service that is not run here, no operation of it, or one
            that only reads, which EventBridge Scheduler refuses.
    """
    service, action = arn.split(":")[-2:]
    name = SDK_SERVICES.get(service.lower())
    if name is None:
        message = (
            f"{service} is not a service that schedules call here; {', '.join(SDK_SERVICES)} are"
        )
        raise ApiError("ValidationException", message)
    known = {each.lower(): each for each in dispatch.service_model(name).operation_names}
    operation = known.get(action.lower())
    if operation is None or operation.startswith(_READS):
        message = f"{action} is not an operation of {service} that schedules call"
        raise ApiError("ValidationException", message)
    return name, operation


def _to_operation(context: Context, arn: str, body: str, options: _Options) -> str:
    service, operation = operation_of(arn)
    response = aws_calls.call(context, service, operation, **json.loads(body))
    return json.dumps(response, default=str)


_SENDERS: dict[str, Callable[[Context, str, str, _Options], str]] = {
    "sqs": _to_queue,
    "sns": _to_topic,
    "lambda": _to_function,
    "events": _to_bus,
    "pipeline": _to_pipeline,
    "logs": _to_log_group,
    "aws-sdk": _to_operation,
}
