"""Metrics read from a training job's log by its MetricDefinitions."""

import re
import time
from typing import Any


class Metrics:
    """The last value of each metric.

    Args:
        definitions: [{"Name", "Regex"}]; the regex's first group is the value.
    """

    def __init__(self, definitions: list[dict[str, str]]) -> None:
        self._patterns = [(given["Name"], re.compile(given["Regex"])) for given in definitions]
        self._last: dict[str, tuple[float, float]] = {}

    def watch(self, lines: list[str]) -> None:
        """Take the values out of lines of the log; what is no number is passed over."""
        for line in lines:
            for name, pattern in self._patterns:
                found = pattern.search(line)
                if found is None or not found.groups():
                    continue
                try:
                    self._last[name] = (float(found.group(1)), time.time())
                except (TypeError, ValueError):
                    continue

    def final(self) -> list[dict[str, Any]]:
        """FinalMetricDataList, in the order of the definitions."""
        return [
            {"MetricName": name, "Value": self._last[name][0], "Timestamp": self._last[name][1]}
            for name, _ in self._patterns
            if name in self._last
        ]
