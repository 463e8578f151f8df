"""What is measured, as CloudWatch's metrics have it."""

from collections.abc import Mapping
from typing import NamedTuple


class Measurement(NamedTuple):
    """One value of a metric of CloudWatch.

    Attributes:
        name: The metric.
        value: What was measured.
        unit: One of CloudWatch's.
    """

    name: str
    value: float
    unit: str = "None"


class MeasuredMinute(NamedTuple):
    """What was measured of one metric in one minute.

    Attributes:
        namespace: The metric's.
        dimensions: Their values by name.
        name: The metric.
        unit: One of CloudWatch's.
        start: When the minute began, in seconds since the epoch.
        samples: How many values.
        total: Their sum.
        least: The smallest.
        most: The greatest.
    """

    namespace: str
    dimensions: Mapping[str, str]
    name: str
    unit: str
    start: int
    samples: int
    total: float
    least: float
    most: float


class MeasuredSums(NamedTuple):
    """What was measured of one metric in a short while.

    Attributes:
        start: When it began, in seconds since the epoch.
        samples: How many values.
        total: Their sum.
        least: The smallest.
        most: The greatest.
    """

    start: float
    samples: float
    total: float
    least: float
    most: float
