"""Overtraining."""

from __future__ import annotations

from typing import Any, ClassVar

from training.watch.rules.loss_history import LossHistoryRule


class Overtraining(LossHistoryRule):
    """Training continues although a loss no longer improves by `delta`.

    The training loss may go without improvement for fewer than `patience_train` passes, the
    validation loss for fewer than `patience_validation`.

    Parameters and defaults: Amazon SageMaker developer guide, "List of Debugger built-in rules".
    """

    parameters: ClassVar[dict[str, Any]] = {
        "patience_train": 5,
        "patience_validation": 10,
        "delta": 0.01,
    }

    def compare(self) -> str:
        """Count the passes without improvement."""
        for name, losses, patience in (
            ("training", [p.train for p in self.passes], self.chosen["patience_train"]),
            ("validation", [p.validation for p in self.passes], self.chosen["patience_validation"]),
        ):
            waited, best = _without_improvement(losses, self.chosen["delta"])
            if waited >= patience:
                return (
                    f"at step {self.passes[-1].step} the {name} loss had not improved on "
                    f"{best:.3f} by {self.chosen['delta']:g} for {waited} passes; more training "
                    "only overtrains"
                )
        return ""

    def healthy_reason(self) -> str:
        """The passes without improvement, and how many are allowed."""
        delta = self.chosen["delta"]
        train, _ = _without_improvement([p.train for p in self.passes], delta)
        validation, _ = _without_improvement([p.validation for p in self.passes], delta)
        passes = "1 pass" if len(self.passes) == 1 else f"{len(self.passes)} passes"
        return (
            f"after {passes} the training loss has been without improvement for {train} "
            f"(allowed: {self.chosen['patience_train'] - 1}) and the validation loss for "
            f"{validation} (allowed: {self.chosen['patience_validation'] - 1})"
        )


def _without_improvement(losses: list[float], delta: float) -> tuple[int, float]:
    """Number of passes since the loss last improved by `delta`, and its value then."""
    best, waited = losses[0], 0
    for loss in losses[1:]:
        if loss < best - delta:
            best, waited = loss, 0
        else:
            waited += 1
    return waited, best
