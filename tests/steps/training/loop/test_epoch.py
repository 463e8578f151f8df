"""The results of an epoch: which is best, and the line of the log."""

from typing import Any

import pytest

from tests.steps.tiny_training import METRICS
from training.loop.epoch import Epoch


def epoch(accuracy: float, loss: float) -> Epoch:
    return Epoch(1, 1.0, 0.5, loss, accuracy, 1.0, 0.9, 10.0)


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        (epoch(0.4, 1.5), None, True),
        (epoch(0.4, 1.4), epoch(0.4, 1.5), True),
        (epoch(0.4, 1.5), epoch(0.4, 1.5), False),
        (epoch(0.5, 1.5), epoch(0.4, 1.4), False),
    ],
    ids=["first", "lower-loss", "equal", "only-more-accurate"],
)
def test_the_best_epoch_has_the_least_loss(one: Any, other: Any, better: bool) -> None:
    assert one.better_than(other) is better


def test_a_line_of_metrics_never_has_an_exponent() -> None:
    tiny = Epoch(1, 1e-7, 1e-9, 1e-7, 1.0, 1e-6, 1.0, 1e7)
    assert METRICS.fullmatch(tiny.line())
