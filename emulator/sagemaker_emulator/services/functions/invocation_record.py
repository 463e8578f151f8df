"""What Lambda says of an asynchronous invocation that has ended: a record, or a dead letter.

The record is the one of
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services import targets
from sagemaker_emulator.services.functions.function import LATEST
from sagemaker_emulator.storage.store import Document

Condition = Literal["Success", "RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency"]


@dataclass(frozen=True)
class Try:
    """One try of an asynchronous invocation.

    Attributes:
        function: The document of the version; None where there is no such.
        failed: Whether it failed.
        status: The HTTP status of the invocation: 200, also where the function failed.
        payload: What the function returned, or AWS's description of its failure.
        problem: Why it failed, for a person.
    """

    function: Document | None
    failed: bool
    status: int
    payload: Any
    problem: str


def send(
    context: Context, accepted: Document, config: Document, last: Try | None, condition: Condition
) -> None:
    """Send the record of an invocation to its destination; it may be called in a transaction.

    Args:
        context: The server.
        accepted: The invocation, as it was accepted.
        config: The options of the version.
        last: Its last try; None where it became too old before the first.
        condition: Why it ended.
    """
    when = "OnSuccess" if condition == "Success" else "OnFailure"
    arn = config.get("DestinationConfig", {}).get(when, {}).get("Destination")
    if not arn:
        return
    made = record(accepted, config["FunctionArn"], last, condition)
    options: Document = {}
    if targets.kind_of(arn) == "events":
        ending = "Success" if condition == "Success" else "Failure"
        detail_type = f"Lambda Function Invocation Result - {ending}"
        options = {"Source": "lambda", "DetailType": detail_type}
        options["Resources"] = [config["FunctionArn"], arn]
    context.deliveries.send(arn, json.dumps(made), options, origin={"Kind": "destination"})


def record(accepted: Document, arn: str, last: Try | None, condition: Condition) -> Document:
    """The record of an invocation that has ended; the arguments are those of `send`."""
    made: Document = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "requestContext": {
            "requestId": accepted["Id"],
            "functionArn": arn,
            "condition": condition,
            "approximateInvokeCount": accepted["Attempts"],
        },
        "requestPayload": accepted["Payload"],
    }
    if last is not None:
        version = (last.function or {}).get("Version", LATEST)
        made["responseContext"] = {"statusCode": last.status, "executedVersion": version}
        if last.failed:
            made["responseContext"]["functionError"] = "Unhandled"
        made["responsePayload"] = last.payload
    return made
