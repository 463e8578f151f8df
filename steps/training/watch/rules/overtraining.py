"""Overtraining."""

from __future__ import annotations

from typing import Any, ClassVar

from training.watch.rules.loss_history import LossHistoryRule


class Overtraining(LossHistoryRule):
    """Training goes on although a loss has stopped improving by `delta`.

    The training loss may stand still for `patience_train` passes, the validation loss for
    `patience_validation`.

    Parameters and defaults: Amazon SageMaker developer guide, "List of Debugger built-in rules".
    """

    parameters: ClassVar[dict[str, Any]] = {
        "patience_train": 5,
        "patience_validation": 10,
        "delta": 0.01,
    }

    def compare(self) -> str:
        """How long each loss has stood still."""
        for name, losses in (
            ("train", [p.train for p in self.passes]),
            ("validation", [p.validation for p in self.passes]),
        ):
            waited, best = _standing_still(losses, self.chosen["delta"])
            if waited >= self.chosen[f"patience_{name}"]:
                return (
                    f"the {name} loss has not improved by {self.chosen['delta']:g} on {best:.3f} "
                    f"for {waited} passes, at step {self.passes[-1].step}; more training only "
                    f"overtrains"
                )
        return ""

    def healthy(self) -> str:
        """How long at most, and how long it may be."""
        train, _ = _standing_still([p.train for p in self.passes], self.chosen["delta"])
        validation, _ = _standing_still([p.validation for p in self.passes], self.chosen["delta"])
        passes = "1 pass" if len(self.passes) == 1 else f"{len(self.passes)} passes"
        return (
            f"after {passes} the training loss has stood still for {train} "
            f"(allowed: {self.chosen['patience_train'] - 1}), the validation loss for "
            f"{validation} (allowed: {self.chosen['patience_validation'] - 1})"
        )


def _standing_still(losses: list[float], delta: float) -> tuple[int, float]:
    """Passes since the loss last improved by `delta`, and the loss that it then had."""
    best, waited = losses[0], 0
    for loss in losses[1:]:
        if loss < best - delta:
            best, waited = loss, 0
        else:
            waited += 1
    return waited, best
