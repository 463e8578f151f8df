"""Overfit."""

from __future__ import annotations

from typing import Any, ClassVar

from training.watch.rules.loss_history import LossHistoryRule, Passes


class Overfit(LossHistoryRule):
    """The validation loss exceeds the training loss by more than the share `ratio_threshold`.

    It must do so in `patience` consecutive comparisons, from training step `start_step` on.

    Parameters and defaults: Amazon SageMaker developer guide, "List of Debugger built-in rules".
    """

    parameters: ClassVar[dict[str, Any]] = {"start_step": 0, "patience": 1, "ratio_threshold": 0.1}

    def compare(self) -> str:
        """Compare the newest passes with the threshold."""
        patience = self.chosen["patience"]
        counted = [p for p in self.passes if p.step >= self.chosen["start_step"]]
        newest = counted[-patience:]
        over = [_ratio(p) > self.chosen["ratio_threshold"] for p in newest]
        if len(newest) < patience or not all(over):
            return ""
        last = newest[-1]
        return (
            f"at step {last.step} the validation loss {last.validation:.3f} was "
            f"{_ratio(last):.1%} above the training loss {last.train:.3f}; "
            f"{self.chosen['ratio_threshold']:.0%} is allowed"
        )

    def healthy_reason(self) -> str:
        """The largest gap between the losses."""
        worst = max(self.passes, key=_ratio)
        gap = _ratio(worst)
        if gap <= 0:
            figures = f"stayed at least {-gap:.1%} below the training loss"
        else:
            figures = f"was up to {gap:.1%} above the training loss"
        allowed = f"{self.chosen['ratio_threshold']:.0%} above is allowed"
        return f"the validation loss {figures} (closest at step {worst.step}); {allowed}"


def _ratio(losses: Passes) -> float:
    return (losses.validation - losses.train) / max(losses.train, 1e-12)
