"""What CloudWatch keeps of what runs here, and for how long."""

import pytest

from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.services.metrics import MINUTES, Metrics

WHERE = {"EndpointName": "e", "VariantName": "v"}


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(clock)


def record(metrics: Metrics, value: float, name: str = "ModelLatency") -> None:
    metrics.record("AWS/SageMaker", WHERE, [Measurement(name, value, "Microseconds")])


def test_the_values_of_a_minute_are_summed(metrics: Metrics, clock: Clock) -> None:
    for value in (3.0, 1.0, 2.0):
        record(metrics, value)
        clock.now += 10
    (minute,) = metrics.minutes()
    assert (minute.namespace, minute.dimensions, minute.name) == (
        *("AWS/SageMaker", WHERE, "ModelLatency"),
    )
    assert (minute.samples, minute.total, minute.least, minute.most) == (3, 6.0, 1.0, 3.0)
    assert minute.start == 1_800_000_000


def test_another_minute_is_another_value(metrics: Metrics, clock: Clock) -> None:
    record(metrics, 1)
    clock.now += 60
    record(metrics, 2)
    assert [(each.start % 3600, each.total) for each in metrics.minutes()] == [(0, 1.0), (60, 2.0)]


def test_nothing_is_kept_for_more_than_three_hours(metrics: Metrics, clock: Clock) -> None:
    record(metrics, 1, "Other")
    for _ in range(2 * MINUTES):
        record(metrics, 1)
        clock.now += 60
    clock.now -= 60
    assert {each.name for each in metrics.minutes()} == {"ModelLatency"}
    assert len(metrics.minutes()) == MINUTES
    assert sum(len(series) for series in metrics._series.values()) <= MINUTES + 1


def test_what_is_over_is_not_returned_though_nothing_new_comes(
    metrics: Metrics, clock: Clock
) -> None:
    record(metrics, 1)
    clock.now += 3 * 3600
    assert metrics.minutes() == []
