"""The values over time of a training job's metrics, as any client can find them.

DescribeTrainingJob has only the last value of each. All of them are in the job's log, found by the
job's MetricDefinitions.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.aws import numerals, patterns
from sagemaker_emulator.console import log_view
from sagemaker_emulator.sagemaker.jobs.kinds import RUNNING, TRAINING

# Seconds since the epoch, and the value.
Point = tuple[float, float]
_MOST_JOBS = 100
_MOST_POINTS = 2000
# A chart whose values differ by more than this has a logarithmic axis.
_WIDE = 1000
# With the time to answer, a new value is on the page within a second.
_REFRESH_SECONDS = 0.7


def groups(job: Mapping[str, Any]) -> dict[str, list[str]]:
    """The metrics of a training job by chart: `train:loss` and `validation:loss` share `loss`.

    Args:
        job: The response of DescribeTrainingJob.
    """
    found: dict[str, list[str]] = {}
    for definition in job["AlgorithmSpecification"].get("MetricDefinitions", []):
        names = found.setdefault(definition["Name"].rpartition(":")[2], [])
        if definition["Name"] not in names:
            names.append(definition["Name"])
    return found


def curves(request: Request, job: Mapping[str, Any]) -> dict[str, list[Point]]:
    """All values of each metric of a training job so far, in the order of the definitions.

    Args:
        request: The browser's request.
        job: The response of DescribeTrainingJob.
    """
    return _readers.of(job).read(request)


def chart(request: Request, job: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What charts.js draws as `line`: the curves of these metrics.

    Args:
        request: The browser's request.
        job: The response of DescribeTrainingJob.
        names: Of metrics; the last part of the first names the axis.
    """
    found = curves(request, job)
    series = [{"name": name, "points": thinned(found.get(name, []))} for name in names]
    values = [value for each in series for _, value in each["points"]]
    return {
        "x": "time",
        "y": names[0].rpartition(":")[2] if names else "",
        "log": bool(values) and min(values) > 0 and max(values) > _WIDE * min(values),
        "live": _REFRESH_SECONDS if job["TrainingJobStatus"] in RUNNING else False,
        "series": series,
    }


def thinned(points: Sequence[Any], most: int = _MOST_POINTS) -> list[Any]:
    """At most so many of some points, evenly taken, with the last."""
    step = -(-len(points) // most) or 1
    return list(points[::-step][::-1])


class _Reader:
    """What was found in the log of one job, and how far it was read."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        definitions = job["AlgorithmSpecification"].get("MetricDefinitions", [])
        self._prefix = f"{job['TrainingJobName']}/"
        self._patterns = [(each["Name"], patterns.compile(each["Regex"])) for each in definitions]
        self._points: dict[str, list[Point]] = {name: [] for name, _ in self._patterns}
        self._place: log_view.Place = {}
        self._lock = threading.Lock()

    def read(self, request: Request) -> dict[str, list[Point]]:
        """Read on to the end of the log."""
        with self._lock:
            while self._patterns:
                # A training job has one stream: with many jobs it takes long to look for more.
                events, self._place = log_view.after(
                    request, TRAINING.log_group, self._place, self._prefix, not self._place
                )
                if not events:
                    break
                for event in events:
                    self._find(event)
            return {name: list(points) for name, points in self._points.items()}

    def _find(self, event: Mapping[str, Any]) -> None:
        for name, pattern in self._patterns:
            match = pattern.search(event["message"])
            if match is None or len(match) < 2:
                continue
            value = numerals.number((match[1] or "").strip())
            if value is not None:
                self._points[name].append((event["timestamp"] / 1000, value))


class _Readers:
    """The readers of the jobs that were looked at last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: OrderedDict[tuple[str, float], _Reader] = OrderedDict()

    def of(self, job: Mapping[str, Any]) -> _Reader:
        key = job["TrainingJobArn"], job["CreationTime"]
        with self._lock:
            reader = self._readers.pop(key, None) or _Reader(job)
            self._readers[key] = reader
            while len(self._readers) > _MOST_JOBS:
                self._readers.popitem(last=False)
        return reader


_readers = _Readers()
