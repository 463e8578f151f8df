"""LossNotDecreasing."""

from __future__ import annotations

from typing import Any, ClassVar

from smdebug.trials.trial import Trial

from training.rules.base import TensorRule

CHECKS = 2  # checks in a row without progress; one is often noise


class LossNotDecreasing(TensorRule):
    """The training loss rises, or does not fall fast enough.

    Every `num_steps` steps the mean loss of these steps is compared with the lowest such mean
    before. It may be higher by `increase_threshold_percent` at most, and must be lower by
    `diff_percent` at least once in two checks. (The service compares single steps. Single batches
    of some dozens of images differ by more than a healthy training gains in ten steps.)
    """

    parameters: ClassVar[dict[str, Any]] = {
        "num_steps": 10,
        "diff_percent": 0.1,
        "increase_threshold_percent": 5,
    }

    def __init__(self, base_trial: Trial, **parameters: Any) -> None:
        """See the class."""
        super().__init__(base_trial, **parameters)
        self.means: list[float] = []
        self._window: list[float] = []
        self._without_progress = 0

    def look(self, step: int) -> str:
        """Gather losses; with enough of them, compare."""
        loss = self.loss(step) if self.is_training(step) else None
        if loss is None:
            return ""
        self._window.append(loss)
        if len(self._window) < self.chosen["num_steps"]:
            return ""
        self.means.append(sum(self._window) / len(self._window))
        self._window = []
        return self._compare(self.base_trial.mode_step(step)) if len(self.means) > 1 else ""

    def not_applicable(self) -> str:
        """Two windows are needed."""
        needed = 2 * self.chosen["num_steps"]
        seen = len(self.means) * self.chosen["num_steps"] + len(self._window)
        return "" if len(self.means) > 1 else f"{seen} losses were saved; {needed} are needed"

    def healthy(self) -> str:
        """From where to where."""
        change = (self.means[-1] / self.means[0] - 1) * 100
        return (
            f"the mean training loss of {self.chosen['num_steps']} steps went from "
            f"{self.means[0]:.3f} to {self.means[-1]:.3f} ({change:+.1f} %)"
        )

    def _compare(self, step: int) -> str:
        lowest, newest = min(self.means[:-1]), self.means[-1]
        change = (newest / max(lowest, 1e-12) - 1) * 100
        where = f"the mean loss of the {self.chosen['num_steps']} steps up to step {step}"
        if change > self.chosen["increase_threshold_percent"]:
            return (
                f"{where} was {newest:.3f}, {change:.1f} % above the lowest before, {lowest:.3f}; "
                f"at most {self.chosen['increase_threshold_percent']} % is allowed"
            )
        progressed = -change >= self.chosen["diff_percent"]
        self._without_progress = 0 if progressed else self._without_progress + 1
        if self._without_progress < CHECKS:
            return ""
        return (
            f"{where} was {newest:.3f}; in {CHECKS} checks it has not fallen by "
            f"{self.chosen['diff_percent']} % below {lowest:.3f}"
        )
