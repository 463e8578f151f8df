"""The metrics of a training job, parsed from its log by the MetricDefinitions of its request."""

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sagemaker_emulator.aws import numerals, patterns
from sagemaker_emulator.sagemaker.jobs import built_in_metrics

_NOT_FINITE = re.compile(r"[+-]?(nan|inf(inity)?)", re.IGNORECASE)


class Metrics:
    """The values of each metric, in the order in which they were logged."""

    def __init__(
        self,
        request: Mapping[str, Any],
        record: Callable[[str, float], None] = lambda _name, _value: None,
    ) -> None:
        """Compile the definitions.

        Args:
            request: a Create request; MetricDefinitions [{"Name", "Regex"}] of its
                AlgorithmSpecification, or those of its image, where the regex's first group is the
                value.
            record: called with a metric's name and each of its values.
        """
        definitions = built_in_metrics.definitions(request)
        self._patterns = [
            (entry["Name"], patterns.compile(entry["Regex"])) for entry in definitions
        ]
        self._values: list[list[float]] = [[] for _ in definitions]
        self._last: dict[str, tuple[float, float]] = {}
        self._noted: set[str] = set()
        self._record = record
        self._lock = threading.Lock()  # a job's instances log at the same time

    def read(self, lines: Iterable[str]) -> list[str]:
        """Take the values out of lines of the log; what is not a finite number is left out.

        Returns:
            What to tell the reader of the log: each metric that was left out for the first time.
        """
        with self._lock:
            return self._read(lines)

    def _read(self, lines: Iterable[str]) -> list[str]:
        notes = []
        for line in lines:
            for (name, pattern), values in zip(self._patterns, self._values, strict=True):
                match = pattern.search(line)
                if match is None or len(match) < 2:
                    continue
                text = (match[1] or "").strip()
                value = numerals.number(text)
                if value is not None:
                    values.append(value)
                    self._last[name] = (value, time.time())
                    self._record(name, value)
                elif name not in self._noted and _NOT_FINITE.fullmatch(text):
                    self._noted.add(name)
                    notes.append(f"metric {name}: {text} is not a finite number, and is left out")
        return notes

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
