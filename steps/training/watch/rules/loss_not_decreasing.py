"""LossNotDecreasing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy
from smdebug.trials.trial import Trial

from training.watch.rules.base import TensorRule


@dataclass(frozen=True)
class Window:
    """The losses of `num_steps` consecutive steps."""

    mean: float
    error: float  # standard error of the mean
    step: int  # the last one


class LossNotDecreasing(TensorRule):
    """The training loss rises, or has not fallen by the end.

    The mean loss of every `num_steps` steps is compared with that of the `num_steps` before. An
    increase of more than `increase_threshold_percent` and two standard errors is an issue. At the
    end it must be lower than at the start by `diff_percent`. SageMaker Debugger compares single
    steps, but batches of dozens of images differ by more than ten steps improve.

    Parameters and defaults: Amazon SageMaker developer guide, "List of Debugger built-in rules".
    """

    parameters: ClassVar[dict[str, Any]] = {
        "num_steps": 10,
        "diff_percent": 0.1,
        "increase_threshold_percent": 5,
    }

    def __init__(self, base_trial: Trial, **parameters: Any) -> None:
        """Judge a trial; `parameters` are those that differ from the defaults."""
        super().__init__(base_trial, **parameters)
        self.windows: list[Window] = []
        self._losses: list[float] = []
        self._last = self.last_training_step()

    def inspect(self, step: int) -> str:
        """Collect losses; with enough of them, compare."""
        loss = self.loss(step) if self.is_training(step) else None
        if loss is None:
            return ""
        finding = ""
        self._losses.append(loss)
        if len(self._losses) == self.chosen["num_steps"]:
            error = float(numpy.std(self._losses)) / math.sqrt(len(self._losses))
            mean = float(numpy.mean(self._losses))
            self.windows.append(Window(mean, error, self.base_trial.mode_step(step)))
            self._losses = []
            finding = self._rising()
        return finding or (self._not_fallen() if step == self._last else "")

    def not_applicable(self) -> str:
        """Two windows are needed."""
        steps = self.chosen["num_steps"]
        seen = len(self.windows) * steps + len(self._losses)
        return "" if len(self.windows) > 1 else f"{seen} losses were saved; {2 * steps} are needed"

    def healthy_reason(self) -> str:
        """The first and the last mean loss."""
        first, last = self.windows[0].mean, self.windows[-1].mean
        return (
            f"the mean training loss of {self.chosen['num_steps']} steps went from {first:.3f} to "
            f"{last:.3f} ({_percent(first, last):+.1f} %)"
        )

    def _rising(self) -> str:
        if len(self.windows) < 2:
            return ""
        before, newest = self.windows[-2:]
        change = _percent(before.mean, newest.mean)
        noise = 2 * math.hypot(before.error, newest.error)
        allowed = self.chosen["increase_threshold_percent"]
        if change <= allowed or newest.mean - before.mean <= noise:
            return ""
        return (
            f"the mean loss of {self.chosen['num_steps']} steps rose by {change:.1f} %, from "
            f"{before.mean:.3f} at step {before.step} to {newest.mean:.3f} at step {newest.step}; "
            f"{allowed} % is allowed"
        )

    def _not_fallen(self) -> str:
        if len(self.windows) < 2:
            return ""
        first, last = self.windows[0], self.windows[-1]
        fallen = -_percent(first.mean, last.mean)
        if fallen >= self.chosen["diff_percent"]:
            return ""
        return (
            f"the mean loss of {self.chosen['num_steps']} steps was {last.mean:.3f} at step "
            f"{last.step} and {first.mean:.3f} at step {first.step}: it has not fallen by "
            f"{self.chosen['diff_percent']} %"
        )


def _percent(before: float, after: float) -> float:
    return (after / max(before, 1e-12) - 1) * 100
