"""Overfit."""

from __future__ import annotations

from typing import Any, ClassVar

from training.watch.rules.loss_history import LossHistoryRule, Passes


class Overfit(LossHistoryRule):
    """The validation loss exceeds the training loss by `ratio_threshold` of it.

    It must do so in `patience` comparisons in a row, from training step `start_step` on.

    Parameters and defaults: Amazon SageMaker developer guide, "List of Debugger built-in rules".
    """

    parameters: ClassVar[dict[str, Any]] = {"start_step": 0, "patience": 1, "ratio_threshold": 0.1}

    def compare(self) -> str:
        """The newest passes against the threshold."""
        patience = self.chosen["patience"]
        counted = [p for p in self.passes if p.step >= self.chosen["start_step"]]
        newest = counted[-patience:]
        over = [_ratio(p) > self.chosen["ratio_threshold"] for p in newest]
        if len(newest) < patience or not all(over):
            return ""
        last = newest[-1]
        return (
            f"at step {last.step} the validation loss {last.validation:.3f} was "
            f"{_ratio(last):.0%} above the training loss {last.train:.3f}; more than "
            f"{self.chosen['ratio_threshold']:.0%} is overfitting"
        )

    def healthy(self) -> str:
        """The largest gap seen."""
        worst = max(self.passes, key=_ratio)
        return (
            f"the validation loss was at most {_ratio(worst):+.0%} from the training loss "
            f"(step {worst.step}), within {self.chosen['ratio_threshold']:.0%}"
        )


def _ratio(losses: Passes) -> float:
    return (losses.validation - losses.train) / max(losses.train, 1e-12)
