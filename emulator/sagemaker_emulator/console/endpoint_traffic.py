"""An endpoint's invocations, errors and latencies of the last hour, as CloudWatch has them."""

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from starlette.requests import Request

from sagemaker_emulator.console import clients
from sagemaker_emulator.errors import ApiError

SECONDS = 3600
# How often a page reads them again, in seconds.
EVERY = 5
# Metric and statistic by the name that a page gives it.
_QUERIES = {
    "invocations": ("Invocations", "Sum"),
    "4xx": ("Invocation4XXErrors", "Sum"),
    "5xx": ("Invocation5XXErrors", "Sum"),
    "errors": ("InvocationModelErrors", "Sum"),
    "answered": ("ModelLatency", "SampleCount"),
    "model": ("ModelLatency", "Sum"),
    "model most": ("ModelLatency", "Maximum"),
    "overhead": ("OverheadLatency", "Sum"),
}
_MOST_QUERIES = 500  # of a request


@dataclass
class Minute:
    """What was measured of one variant in one minute.

    Attributes:
        start: In seconds since the epoch.
        variant: The variant's name.
        numbers: By the names of `_QUERIES`; latencies in microseconds.
    """

    start: float
    variant: str
    numbers: dict[str, float]

    def __getitem__(self, name: str) -> float:
        if name == "silent":  # no response, or one that is neither a success nor an error
            return self["errors"] - self["4xx"] - self["5xx"]
        return self.numbers.get(name, 0.0)

    @property
    def latency(self) -> float | None:
        """The average time of the model, in milliseconds; None where it responded to nothing."""
        return self["model"] / self["answered"] / 1000 if self["answered"] else None


@dataclass
class Traffic:
    """What was measured in an hour.

    Attributes:
        end: The end of its last minute, in seconds since the epoch.
        minutes: Those in which something was measured, oldest first.
    """

    end: float
    minutes: list[Minute] = field(default_factory=list)

    def sum(self, name: str) -> float:
        """The sum of a number over all minutes and variants."""
        return sum(minute[name] for minute in self.minutes)

    @property
    def latency(self) -> float | None:
        """The average time of the model, in milliseconds."""
        answered = self.sum("answered")
        return self.sum("model") / answered / 1000 if answered else None

    @property
    def overhead(self) -> float | None:
        """The average time besides the model's, in milliseconds."""
        answered = self.sum("answered")
        return self.sum("overhead") / answered / 1000 if answered else None

    @property
    def slowest(self) -> float | None:
        """The longest time of the model, in milliseconds."""
        return max((minute["model most"] for minute in self.minutes), default=0.0) / 1000 or None

    def invocations_chart(self) -> dict[str, Any]:
        """Invocations and errors of all variants by the minute, for charts.js."""
        series = [
            {"name": title, "points": self._sums(name)}
            for title, name in (
                ("invocations", "invocations"),
                ("4xx errors", "4xx"),
                ("5xx errors", "5xx"),
                ("without a response", "silent"),
            )
            if name == "invocations" or self.sum(name)
        ]
        return {"x": "time", "y": "by the minute", "series": series, "live": EVERY}

    def latency_chart(self) -> dict[str, Any]:
        """Average and longest time of each variant's model by the minute, for charts.js."""
        series = []
        for variant in dict.fromkeys(minute.variant for minute in self.minutes):
            own = [each for each in self.minutes if each.variant == variant and each["answered"]]
            average = [[each.start, each.latency] for each in own]
            longest = [[each.start, each["model most"] / 1000] for each in own]
            for title, points in (("average", average), ("longest", longest)):
                hour = [[self.end - SECONDS, None], *points, [self.end - 60, None]]
                series.append({"name": f"{variant}, {title}", "points": hour})
        return {"x": "time", "y": "milliseconds", "series": series, "live": EVERY}

    def _sums(self, name: str) -> list[list[float]]:
        """A number's sum over all variants, by the minute of the hour."""
        sums = {self.end - 60 * number: 0.0 for number in range(SECONDS // 60, 0, -1)}
        for minute in self.minutes:
            if minute.start in sums:
                sums[minute.start] += minute[name]
        return [[start, value] for start, value in sums.items()]


def read(request: Request, endpoint: str, variants: Iterable[str]) -> Traffic:
    """The traffic of an endpoint's variants, by GetMetricData.

    Raises:
        ApiError: What a client would have seen.
    """
    queries: list[dict[str, Any]] = []
    names: dict[str, tuple[str, str]] = {}
    for variant, (name, query) in itertools.product(variants, _QUERIES.items()):
        identity = f"q{len(queries)}"
        names[identity] = (variant, name)
        queries.append(_query(identity, endpoint, variant, *query))
    minutes: dict[tuple[float, str], Minute] = {}
    end = time.time() // 60 * 60 + 60
    for first in range(0, len(queries), _MOST_QUERIES):
        for result in _results(request, queries[first : first + _MOST_QUERIES], end):
            variant, name = names[result["Id"]]
            for when, value in zip(result["Timestamps"], result["Values"], strict=True):
                start = when.timestamp()
                minute = minutes.setdefault((start, variant), Minute(start, variant, {}))
                minute.numbers[name] = value
    return Traffic(end, [minutes[key] for key in sorted(minutes)])


def _query(
    identity: str, endpoint: str, variant: str, metric: str, statistic: str
) -> dict[str, Any]:
    dimensions = [
        {"Name": "EndpointName", "Value": endpoint},
        {"Name": "VariantName", "Value": variant},
    ]
    named = {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions}
    return {"Id": identity, "MetricStat": {"Metric": named, "Period": 60, "Stat": statistic}}


def _results(
    request: Request, queries: Sequence[Mapping[str, Any]], end: float
) -> list[dict[str, Any]]:
    try:
        response = clients.client(request, "cloudwatch").get_metric_data(
            MetricDataQueries=list(queries),
            StartTime=datetime.fromtimestamp(end - SECONDS, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
            ScanBy="TimestampAscending",
        )
    except ClientError as refused:
        error = refused.response["Error"]
        raise ApiError(error.get("Code", ""), error.get("Message", ""), 400) from None
    except BotoCoreError as problem:
        raise ApiError(type(problem).__name__, str(problem), 500) from None
    results: list[dict[str, Any]] = response["MetricDataResults"]
    return results
