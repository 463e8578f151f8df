"""VanishingGradient."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy
from smdebug.trials.trial import Trial

from training.watch.rules.base import GRADIENTS, TensorRule


class VanishingGradient(TensorRule):
    """The mean magnitude of a gradient falls below `threshold`.

    Parameters and defaults: Amazon SageMaker developer guide, "List of Debugger built-in rules".
    """

    parameters: ClassVar[dict[str, Any]] = {"threshold": 1e-7}

    def __init__(self, base_trial: Trial, **parameters: Any) -> None:
        """Judge a trial; `parameters` are those that differ from the defaults."""
        super().__init__(base_trial, **parameters)
        self.smallest, self.where, self.when = math.inf, "", -1

    def inspect(self, step: int) -> str:
        """Compare each saved gradient with the threshold."""
        if not self.is_training(step):
            return ""
        for name, gradient in self.values(step, GRADIENTS).items():
            size = float(numpy.abs(gradient).mean())
            if size < self.smallest:
                self.smallest, self.where, self.when = size, name, self.base_trial.mode_step(step)
        if self.smallest < self.chosen["threshold"]:
            return (
                f"the mean magnitude of {self.where} was {self.smallest:.2g} at step {self.when}, "
                f"below {self.chosen['threshold']:g}"
            )
        return ""

    def not_applicable(self) -> str:
        """Without gradients there is nothing to judge."""
        return "" if self.where else "no gradients were saved"

    def healthy_reason(self) -> str:
        """The smallest gradient."""
        return (
            f"the smallest mean magnitude of a gradient was {self.smallest:.2g} "
            f"({self.where}, step {self.when}), above {self.chosen['threshold']:g}"
        )
