"""The data points of an alarm's metric: of what runs here, and of what clients put there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import MeasuredSums
from sagemaker_emulator.services.alarms.evaluation import Point, range_of
from sagemaker_emulator.storage.store import Document


def read(context: Context, alarm: Document, end: float) -> list[Point]:
    """The alarm's statistic in each of its last periods, oldest first.

    Args:
        context: the server.
        alarm: as DescribeAlarms returns it.
        end: when the last period ends, in seconds since the epoch.
    """
    period, count = alarm["Period"], range_of(alarm)
    begin = end - period * count
    sums: list[list[MeasuredSums]] = [[] for _ in range(count)]
    for each in (*_own(context, alarm), *_put(context, alarm)):
        if begin <= each.start < end:
            sums[int((each.start - begin) // period)].append(each)
    return [
        _point(begin + number * period, measured, alarm["Statistic"])
        for number, measured in enumerate(sums)
    ]


def _point(start: float, measured: list[MeasuredSums], statistic: str) -> Point:
    samples = sum(each.samples for each in measured)
    if not samples:
        return Point(start)
    total = sum(each.total for each in measured)
    value = {
        "SampleCount": samples,
        "Sum": total,
        "Average": total / samples,
        "Minimum": min(each.least for each in measured),
        "Maximum": max(each.most for each in measured),
    }[statistic]
    return Point(start, float(value), samples)


def _own(context: Context, alarm: Document) -> list[MeasuredSums]:
    dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}
    return context.metrics.sums(
        alarm["Namespace"], dimensions, alarm["MetricName"], alarm.get("Unit")
    )


def _put(context: Context, alarm: Document) -> Iterator[MeasuredSums]:
    """What clients have put, which moto keeps; it is not imported before they do."""
    models = sys.modules.get("moto.cloudwatch.models")
    if models is None:
        return
    wanted = {(each["Name"], each["Value"]) for each in alarm.get("Dimensions", [])}
    data = models.cloudwatch_backends[context.account][context.region].metric_data
    for datum in tuple(data):  # another request may add to it meanwhile
        if (datum.name, datum.namespace) != (alarm["MetricName"], alarm["Namespace"]):
            continue
        if alarm.get("Unit") not in (None, datum.unit):
            continue
        if {(each.name, each.value) for each in datum.dimensions} != wanted:
            continue
        when = datum.timestamp
        start = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        if hasattr(datum, "value"):
            yield MeasuredSums(start, 1, datum.value, datum.value, datum.value)
        else:
            yield MeasuredSums(start, datum.sample_count, datum.sum, datum.min, datum.max)
