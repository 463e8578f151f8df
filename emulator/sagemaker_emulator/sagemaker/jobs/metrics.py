"""The metrics of a training job, parsed from its log by the MetricDefinitions of its request."""

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any


class Metrics:
    """The values of each metric, in the order in which they were logged."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        """Compile the definitions.

        Args:
            request: a Create request; MetricDefinitions [{"Name", "Regex"}] of its
                AlgorithmSpecification, if any, where the regex's first group is the value.
        """
        definitions = request.get("AlgorithmSpecification", {}).get("MetricDefinitions", [])
        self._patterns = [(entry["Name"], re.compile(entry["Regex"])) for entry in definitions]
        self._values: list[list[float]] = [[] for _ in definitions]
        self._last: dict[str, tuple[float, float]] = {}

    def read(self, lines: Iterable[str]) -> None:
        """Take the values out of lines of the log; what is not a number is ignored."""
        for line in lines:
            for (name, pattern), values in zip(self._patterns, self._values, strict=True):
                match = pattern.search(line)
                if match is None or not match.groups():
                    continue
                try:
                    value = float(match[1])
                except (TypeError, ValueError):
                    continue
                values.append(value)
                self._last[name] = (value, time.time())

    def history(self, metric: str) -> list[float]:
        """All values of a metric, by the first definition of that name."""
        named = zip(self._patterns, self._values, strict=True)
        return next((list(values) for (name, _), values in named if name == metric), [])

    def final(self) -> list[dict[str, object]]:
        """FinalMetricDataList: the last value of each, in the order of the definitions."""
        return [
            {"MetricName": name, "Value": self._last[name][0], "Timestamp": self._last[name][1]}
            for name, _ in self._patterns
            if name in self._last
        ]
