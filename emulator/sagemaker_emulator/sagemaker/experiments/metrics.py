"""The metrics of trial components: BatchPutMetrics and BatchGetMetrics of SageMaker Metrics."""

from __future__ import annotations

import math
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.sagemaker.experiments import records
from sagemaker_emulator.sagemaker.experiments.records import COMPONENT
from sagemaker_emulator.storage.store import Document

SERVICE = "sagemaker-metrics"
# Documents of some values each, named `COMPONENT/NUMBER`.
_KIND = "trial-component-metrics"
# Of a component: count, mean, sum of squared differences from it, and the rest, of each metric.
_STATISTICS = "MetricStatistics"
_SECONDS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
_BY_STEP = "IterationNumber"


@operation(
    "BatchPutMetrics",
    SERVICE,
    honours=paths("TrialComponentName MetricData{MetricName Timestamp Step Value}"),
)
def put_metrics(context: Context, request: Mapping[str, Any]) -> Response:
    """Keep values of a trial component's metrics.

    The service has no error for a component that is not there but those of the single values.
    """
    data = request["MetricData"]
    name = request["TrialComponentName"].lower()
    with context.store.transaction():
        component = context.store.get(COMPONENT.resource, name)
        if component is None:
            errors = [{"Code": "VALIDATION_ERROR", "MetricIndex": i} for i in range(len(data))]
            return {"Errors": errors}
        add(component, data)
        records.put(context, COMPONENT, component)
        batch = f"{name}/{time.time_ns():020d}-{uuid.uuid4().hex}"
        context.store.put(_KIND, batch, {"Name": batch, "Data": data})
    return {"Errors": []}


@operation(
    "BatchGetMetrics",
    SERVICE,
    honours=paths("MetricQueries{MetricName ResourceArn MetricStat Period XAxisType Start End}"),
)
def get_metrics(context: Context, request: Mapping[str, Any]) -> Response:
    """Values that BatchPutMetrics has put into trial components, which may be named by their job.

    Of what a job logged itself there is a summary alone, so a query of that is an error.
    """
    return {"MetricQueryResults": [_result(context, query) for query in request["MetricQueries"]]}


def add(component: Document, data: Iterable[Mapping[str, Any]], source_arn: str = "") -> None:
    """Add values to the statistics of a component's metrics.

    Args:
        component: the component's document, which is changed.
        data: the values with MetricName, Timestamp and Value.
        source_arn: of the job that logged them; empty: the component's own.
    """
    statistics = component.setdefault(_STATISTICS, {})
    for entry in data:
        value, at = entry["Value"], entry["Timestamp"]
        of = statistics.setdefault(
            entry["MetricName"],
            {"Count": 0, "Mean": 0.0, "Squares": 0.0, "Min": value, "Max": value, "TimeStamp": 0},
        )
        of["Count"] += 1
        difference = value - of["Mean"]  # by Welford
        of["Mean"] += difference / of["Count"]
        of["Squares"] += difference * (value - of["Mean"])
        of["Min"], of["Max"] = min(of["Min"], value), max(of["Max"], value)
        if at >= of["TimeStamp"]:
            of["Last"], of["TimeStamp"] = value, at
        of["SourceArn"] = source_arn or component["TrialComponentArn"]


def summaries(component: Document) -> list[Document]:
    """The Metrics of a trial component as Describe shows them."""
    return [
        {
            "MetricName": name,
            **of,
            "Avg": of["Mean"],
            "StdDev": math.sqrt(max(of["Squares"], 0.0) / of["Count"]),
        }
        for name, of in component.get(_STATISTICS, {}).items()
    ]


def forget(context: Context, component: Document) -> None:
    """Delete all values of a component's metrics."""
    prefix = f"{component['TrialComponentName'].lower()}/"
    for batch in context.store.list(_KIND, prefix):
        context.store.delete(_KIND, batch["Name"])


def _result(context: Context, query: Mapping[str, Any]) -> Document:
    by_step = query["XAxisType"] == _BY_STEP
    if by_step != (query["Period"] == _BY_STEP):
        return _invalid(
            f"Period {query['Period']} does not suit XAxisType {query['XAxisType']}: "
            f"{_BY_STEP} goes with {_BY_STEP}, and each other period with Timestamp."
        )
    resource, _, name = query["ResourceArn"].rpartition(":")[2].partition("/")
    # A job's component is named so: see `job_components`.
    name = name.lower() if resource == COMPONENT.resource else f"{name}-aws-{resource}".lower()
    component = context.store.get(COMPONENT.resource, name)
    if component is None:
        return _invalid(f"{query['ResourceArn']} is no trial component, and no job that has one.")
    metric = query["MetricName"]
    entries = [
        entry
        for batch in context.store.list(_KIND, f"{name}/")
        for entry in batch["Data"]
        if entry["MetricName"] == metric
    ]
    if not entries and (of := component.get(_STATISTICS, {}).get(metric)):
        return _invalid(
            f"{of['SourceArn']} logged {metric}, of which the emulator keeps a summary: "
            "DescribeTrialComponent has it. All values are in the job's log."
        )
    points: dict[int, list[float]] = defaultdict(list)
    for entry in entries:
        at = entry.get("Step") if by_step else int(entry["Timestamp"])
        if at is None or not query.get("Start", at) <= at <= query.get("End", at):
            continue
        period = 1 if by_step else _SECONDS[query["Period"]]
        points[at // period * period].append(entry["Value"])
    axis = sorted(points)
    values = [_statistic(query["MetricStat"], points[at]) for at in axis]
    return {"Status": "Complete", "XAxisValues": axis, "MetricValues": values}


def _invalid(message: str) -> Document:
    return {
        "Status": "ValidationError",
        "Message": message,
        "XAxisValues": [],
        "MetricValues": [],
    }


def _statistic(name: str, values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    match name:
        case "Min":
            return min(values)
        case "Max":
            return max(values)
        case "Avg":
            return mean
        case "Count":
            return len(values)
        case "StdDev":
            return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        case _:
            return values[-1]
