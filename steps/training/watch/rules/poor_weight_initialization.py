"""PoorWeightInitialization."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy
from smdebug.core.modes import ModeKeys
from smdebug.trials.trial import Trial

from training.watch.rules.base import GRADIENTS, TensorRule

FALLEN = 0.02  # share by which the loss must fall to count as falling


class PoorWeightInitialization(TensorRule):
    """The initial weights prevent training.

    Two signs, over the first `steps` steps: the variances of the inputs of activation functions
    (tensors matching `activation_inputs_regex`) differ between layers by a factor above
    `threshold`; or the 5th and 95th percentiles of a gradient are closer than `distribution_range`.
    A sign counts only if the loss, as a mean of `patience` steps, never falls below its start: a
    pretrained network shows both signs and trains well.

    Parameters and defaults: Amazon SageMaker developer guide, "List of Debugger built-in rules".
    """

    parameters: ClassVar[dict[str, Any]] = {
        "activation_inputs_regex": ".*relu_input",
        "threshold": 10.0,
        "distribution_range": 0.001,
        "patience": 5,
        "steps": 10,
    }

    def __init__(self, base_trial: Trial, **parameters: Any) -> None:
        """Judge a trial; `parameters` are those that differ from the defaults."""
        super().__init__(base_trial, **parameters)
        self.ratio, self.range = 1.0, math.inf
        self._sign = ""
        self._losses: list[float] = []
        self._last = self.last_training_step()

    def inspect(self, step: int) -> str:
        """Look for the signs in the first steps, and follow the loss to the end."""
        loss = self.loss(step) if self.is_training(step) else None
        if loss is None:
            return ""
        self._losses.append(loss)
        if len(self._losses) <= self.chosen["steps"]:
            self._sign = self._sign or self._variances(step) or self._gradients(step)
        if step < self._last or not self._sign or self.not_applicable():
            return ""
        first, lowest = self._means()
        if lowest < first * (1 - FALLEN):
            return ""
        return f"{self._sign}; and the loss never fell from {first:.3f} (lowest: {lowest:.3f})"

    def not_applicable(self) -> str:
        """A training can be too short to judge."""
        needed = 2 * self.chosen["patience"]
        seen = len(self._losses)
        return "" if seen >= needed else f"{seen} losses were saved; {needed} are needed"

    def healthy_reason(self) -> str:
        """The signs and the loss."""
        first, lowest = self._means()
        if self._sign:
            return f"{self._sign}; but the loss fell from {first:.3f} to {lowest:.3f}"
        return (
            f"in the first {self.chosen['steps']} steps the variances of activation inputs "
            f"differed by a factor of at most {self.ratio:.1f}, and 90% of the narrowest gradient "
            f"spanned {self.range:.2g}"
        )

    def _means(self) -> tuple[float, float]:
        """The mean loss of the first `patience` steps, and the lowest such mean after them."""
        size = self.chosen["patience"]
        means = [
            sum(self._losses[start : start + size]) / size
            for start in range(0, len(self._losses) - size + 1, size)
        ]
        return means[0], min(means[1:])

    def _variances(self, step: int) -> str:
        names = self.base_trial.tensor_names(
            step=step, mode=ModeKeys.GLOBAL, regex=self.chosen["activation_inputs_regex"]
        )
        variances = {name: self._variance(name, step) for name in names}
        if len(variances) < 2:
            return ""
        low, high = (
            min(variances, key=variances.__getitem__),
            max(variances, key=variances.__getitem__),
        )
        ratio = variances[high] / max(variances[low], 1e-30)
        self.ratio = max(self.ratio, ratio)
        if ratio <= self.chosen["threshold"]:
            return ""
        return (
            f"the variance of {high} was {ratio:.3g} times that of {low} at step "
            f"{self.base_trial.mode_step(step)} (allowed: {self.chosen['threshold']:g})"
        )

    def _variance(self, name: str, step: int) -> float:
        tensor = self.base_trial.tensor(name)
        saved = tensor.reduction_values(step)
        if ("variance", False) in saved:
            return float(numpy.asarray(tensor.reduction_value(step, "variance")).mean())
        return float(numpy.var(tensor.value(step)))

    def _gradients(self, step: int) -> str:
        for name, gradient in self.values(step, GRADIENTS).items():
            low, high = numpy.percentile(gradient, [5, 95])
            self.range = min(self.range, float(high - low))
            if high - low < self.chosen["distribution_range"]:
                return (
                    f"90% of {name} were within {high - low:.2g} at step "
                    f"{self.base_trial.mode_step(step)} (at least "
                    f"{self.chosen['distribution_range']:g} is needed)"
                )
        return ""
