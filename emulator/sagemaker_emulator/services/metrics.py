"""CloudWatch's metrics of what runs here: sums of ten seconds, kept in memory for three hours.

moto answers the requests for them, by the minute, beside what clients put there themselves; alarms
read the ten seconds.
"""

import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import MeasuredMinute, MeasuredSums, Measurement

MINUTES = 180
_SECONDS = 10  # the shortest period of an alarm
_OF_MINUTE = 60 // _SECONDS
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")

# Namespace, dimensions, the metric's name and its unit.
_Series = tuple[str, tuple[tuple[str, str], ...], str, str]


@dataclass
class _Sums:
    count: int
    total: float
    least: float
    most: float

    def add(self, other: "_Sums") -> None:
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)


class Metrics:
    """The metrics of one server. Its memory is bounded by what is measured within three hours.

    Args:
        clock: Returns seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._series: dict[_Series, dict[int, _Sums]] = {}
        self._latest = 0

    def record(
        self, namespace: str, dimensions: Mapping[str, str], values: Iterable[Measurement]
    ) -> None:
        """Count values that were measured now; it takes microseconds."""
        moment = int(self._clock() // _SECONDS)
        where = tuple(dimensions.items())
        with self._lock:
            if moment > self._latest:
                self._latest = moment
                self._forget(moment - MINUTES * _OF_MINUTE)
            for name, value, unit in values:
                series = self._series.setdefault((namespace, where, name, unit), {})
                one = _Sums(1, value, value, value)
                if moment in series:
                    series[moment].add(one)
                else:
                    series[moment] = one

    def minutes(self) -> list[MeasuredMinute]:
        """What was measured in the last three hours, each metric's oldest minute first."""
        first = int(self._clock() // 60) - MINUTES
        with self._lock:
            return [
                MeasuredMinute(
                    *(namespace, dict(dimensions), name, unit, minute * 60),
                    *(sums.count, sums.total, sums.least, sums.most),
                )
                for (namespace, dimensions, name, unit), series in self._series.items()
                for minute, sums in _by_minute(series).items()
                if minute > first
            ]

    def sums(
        self, namespace: str, dimensions: Mapping[str, str], name: str, unit: str | None
    ) -> list[MeasuredSums]:
        """What was measured of one metric in the last three hours, by ten seconds.

        Args:
            namespace: The metric's.
            dimensions: All of its dimensions.
            name: The metric.
            unit: One of CloudWatch's; None: any.
        """
        with self._lock:
            return [
                MeasuredSums(moment * _SECONDS, sums.count, sums.total, sums.least, sums.most)
                for (space, where, metric, of_unit), series in self._series.items()
                if (space, metric) == (namespace, name)
                and dict(where) == dict(dimensions)
                and unit in (None, of_unit)
                for moment, sums in series.items()
            ]

    def _forget(self, last: int) -> None:
        """Delete the sums up to this moment, and the series that have no other."""
        for key, series in list(self._series.items()):
            for moment in [each for each in series if each <= last]:
                del series[moment]
            if not series:
                del self._series[key]


def _by_minute(series: Mapping[int, _Sums]) -> dict[int, _Sums]:
    minutes: dict[int, _Sums] = {}
    for moment, sums in series.items():
        minute = moment // _OF_MINUTE
        if minute in minutes:
            minutes[minute].add(sums)
        else:
            minutes[minute] = replace(sums)
    return minutes


def join(context: Context) -> object:
    """Have moto's CloudWatch answer with a server's metrics beside its own.

    Returns:
        What must be kept for as long as it is to do that: moto has a weak reference only.
    """
    from moto.cloudwatch.models import MetricAggregatedDatum
    from moto.core.common_models import CloudWatchMetricProvider

    _refuse_percentiles()
    _compare_dimensions()
    _begin_with_whole_minutes()

    class Own(CloudWatchMetricProvider):
        @staticmethod
        def get_cloudwatch_metrics(account_id: str, region: str) -> list[MetricAggregatedDatum]:
            if (account_id, region) != (context.account, context.region):
                return []
            return [
                MetricAggregatedDatum(
                    each.namespace,
                    each.name,
                    each.least,
                    each.most,
                    each.samples,
                    each.total,
                    [{"Name": key, "Value": value} for key, value in each.dimensions.items()],
                    datetime.fromtimestamp(each.start, UTC).replace(tzinfo=None),  # as moto's are
                    each.unit,
                )
                for each in context.metrics.minutes()
            ]

    return Own


@functools.cache
def _refuse_percentiles() -> None:
    """Have moto refuse percentiles, on which it stumbles: once, as a process has one moto."""
    from moto.cloudwatch import models
    from moto.cloudwatch.exceptions import ValidationError

    class Statistics(models.Statistics):
        """What moto makes for every answer with data."""

        def __init__(self, stats: list[str], *others: Any) -> None:
            if not stats or not set(stats) <= set(STATISTICS):
                known = ", ".join(STATISTICS)
                raise ValidationError(f"The emulator computes no other statistics than {known}.")
            super().__init__(stats, *others)

    models.Statistics = Statistics  # type: ignore[assignment, misc]


@functools.cache
def _compare_dimensions() -> None:
    """Have moto read a metric by all of its dimensions, in any order, as AWS does."""
    from moto.cloudwatch import models

    plain: Callable[..., bool] = models.MetricDatumBase.filter

    def keeps(
        datum: models.MetricDatumBase,
        namespace: str | None,
        name: str | None,
        dimensions: list[dict[str, str]],
        already_present_metrics: list[models.MetricDatumBase] | None = None,
    ) -> bool:
        # ListMetrics also finds those that have others besides.
        if already_present_metrics is None and len(datum.dimensions) != len(dimensions):
            return False
        return plain(datum, namespace, name, dimensions, already_present_metrics)

    def comes_before(one: models.Dimension, other: models.Dimension) -> bool:
        return (one.name or "", one.value or "") < (other.name or "", other.value or "")

    models.MetricDatumBase.filter = keeps  # type: ignore[method-assign, assignment]
    models.Dimension.__lt__ = comes_before  # type: ignore[method-assign]


@functools.cache
def _begin_with_whole_minutes() -> None:
    """Have moto round StartTime down to a minute, as the references of both operations have it.

    Else a job's first minute, which began before the job, would be left out.
    """
    from moto.cloudwatch.models import CloudWatchBackend

    def rounded(plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def read(*arguments: Any, **named: Any) -> Any:
            call = inspect.signature(plain).bind(*arguments, **named)
            start, end = call.arguments["start_time"], call.arguments["end_time"]
            if start < end:
                call.arguments["start_time"] = start.replace(second=0, microsecond=0)
            return plain(*call.args, **call.kwargs)

        return read

    for name in ("get_metric_data", "get_metric_statistics"):
        setattr(CloudWatchBackend, name, rounded(getattr(CloudWatchBackend, name)))
