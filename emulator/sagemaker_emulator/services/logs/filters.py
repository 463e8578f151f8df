"""What becomes of a log event when it is written: metrics of metric filters, and subscriptions.

Every writer is seen: jobs, functions and clients. The filters of a group are read from the store
once and again after a change, as a job may log thousands of lines a second.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import uuid
from collections.abc import Mapping, Sequence

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.logs.common import files, group_arn, invalid
from sagemaker_emulator.services.logs.patterns.pattern import parse
from sagemaker_emulator.services.logs.patterns.values import number
from sagemaker_emulator.services.logs.watcher import Watcher
from sagemaker_emulator.storage.store import Document

METRIC, SUBSCRIPTION = "metric-filter", "subscription-filter"
PRINCIPAL = "logs.amazonaws.com"
# Of the events that one invocation gets; an asynchronous payload has at most 1 MiB, packed.
_MOST_EVENTS = 1000
_log = logging.getLogger("emulator.logs")
_Events = Sequence[tuple[float, str]]


def key_of(group: str, name: str) -> str:
    """The key of a filter in the store. A group's name has no colon."""
    return f"{group}:{name}"


def filters_of(context: Context, kind: str, group: str) -> list[Document]:
    """The filters of a group, in the order of their creation."""
    return context.store.list(kind, key_of(group, ""))


def source_arn(context: Context, group: str) -> str:
    """The ARN for which a group invokes a function."""
    return f"{group_arn(context, group)}:*"


def check_not_own(context: Context, group: str, arn: str) -> None:
    """Refuse to send a group's events to the function that writes to it, again and again.

    Raises:
        ApiError: `InvalidParameterException` in AWS's words, or there is no such function.
    """
    if context.functions.log_group(arn) == group:
        raise invalid(
            "The log group provided is reserved for the function logs of the destination function."
        )


class LogFilters(Watcher):
    """The filters of one server's groups, applied to what is written."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, tuple[list[Document], list[Document]]] = {}
        self._changes = 0
        files(context).watcher = self

    def forget(self, group: str) -> None:
        """Read the filters of a group again, as they have changed."""
        self._changes += 1
        self._known.pop(group, None)

    def delete(self, group: str) -> None:
        """Delete the filters of a group that is deleted."""
        for kind in (METRIC, SUBSCRIPTION):
            for each in filters_of(self._context, kind, group):
                self._context.store.delete(kind, key_of(group, each["filterName"]))
        self.forget(group)

    def apply(self, group: str, stream: str, events: _Events) -> None:
        """Apply a group's filters to what was written; no fault of theirs reaches the writer.

        Args:
            group: its name.
            stream: its name.
            events: times in seconds since the epoch, and messages.
        """
        try:
            metrics, subscriptions = self._filters(group)
            for each in metrics if events else ():
                self._measure(each, events)
            for each in subscriptions if events else ():
                self._send(each, group, stream, events)
        except Exception:
            _log.exception("the filters of %s", group)

    def _filters(self, group: str) -> tuple[list[Document], list[Document]]:
        known = self._known.get(group)
        if known is None:
            changes = self._changes
            known = (
                filters_of(self._context, METRIC, group),
                filters_of(self._context, SUBSCRIPTION, group),
            )
            self._known[group] = known
            if changes != self._changes:  # while they were read
                self._known.pop(group, None)
        return known

    def _measure(self, kept: Document, events: _Events) -> None:
        """Record a metric filter's values; its default once where no event matches."""
        pattern = parse(kept["filterPattern"])
        found = [each for _, text in events if (each := pattern.values(text)) is not None]
        for transformation in kept["metricTransformations"]:
            values = [_value(transformation, each) for each in found]
            dimensions = [_dimensions(transformation, each) for each in found]
            if not found and "defaultValue" in transformation:
                values, dimensions = [float(transformation["defaultValue"])], [{}]
            name, unit = transformation["metricName"], transformation.get("unit", "None")
            for value, where in zip(values, dimensions, strict=True):
                if value is not None:
                    one = (Measurement(name, value, unit),)
                    self._context.metrics.record(transformation["metricNamespace"], where, one)

    def _send(self, kept: Document, group: str, stream: str, events: _Events) -> None:
        """Send the events that match to a subscription's function."""
        context, pattern = self._context, parse(kept["filterPattern"])
        matching = [each for each in events if pattern.values(each[1]) is not None]
        arn = kept["destinationArn"]
        if matching and not context.functions.permits(arn, PRINCIPAL, source_arn(context, group)):
            message = f"{arn} no longer permits {PRINCIPAL} to invoke it"
            raise ApiError("AccessDeniedException", message)
        if matching:  # the function's own group may be another one since
            check_not_own(context, group, arn)
        for begin in range(0, len(matching), _MOST_EVENTS):
            data = {
                "messageType": "DATA_MESSAGE",
                "owner": context.account,
                "logGroup": group,
                "logStream": stream,
                "subscriptionFilters": [kept["filterName"]],
                "logEvents": [
                    {"id": uuid.uuid4().hex, "timestamp": round(when * 1000), "message": text}
                    for when, text in matching[begin : begin + _MOST_EVENTS]
                ],
            }
            packed = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
            context.functions.invoke_later(arn, {"awslogs": {"data": packed}})


def _value(transformation: Mapping[str, str], values: Mapping[str, str]) -> float | None:
    """A matching event's value: a number, or what a selector or field's name such as `$.ms` has."""
    text = transformation["metricValue"]
    return number(values.get(text)) if text.startswith("$") else number(text)


def _dimensions(
    transformation: Mapping[str, Mapping[str, str]], values: Mapping[str, str]
) -> dict[str, str]:
    return {
        name: values[selector]
        for name, selector in transformation.get("dimensions", {}).items()
        if selector in values
    }
