"""PoorWeightInitialization."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy
from smdebug.core.modes import ModeKeys
from smdebug.trials.trial import Trial

from training.rules.base import GRADIENTS, TensorRule


class PoorWeightInitialization(TensorRule):
    """The first steps show weights that training cannot start from.

    Two signs, over the first `steps` steps: the variances of what goes into the activation
    functions (tensors matching `activation_inputs_regex`) differ between layers by a factor above
    `threshold`; or the 5th and 95th percentile of a gradient are nearer than `distribution_range`.
    Either counts once the loss has not fallen for `patience` steps: a pretrained network shows
    both signs and learns all the same, so that a sign alone says little.
    """

    parameters: ClassVar[dict[str, Any]] = {
        "activation_inputs_regex": ".*relu_input",
        "threshold": 10.0,
        "distribution_range": 0.001,
        "patience": 5,
        "steps": 10,
    }

    def __init__(self, base_trial: Trial, **parameters: Any) -> None:
        """See the class."""
        super().__init__(base_trial, **parameters)
        self.ratio, self.range = 1.0, math.inf
        self._sign = ""
        self._seen = 0
        self._lowest, self._waited, self._first, self._last = math.inf, 0, math.nan, math.nan

    def look(self, step: int) -> str:
        """The signs and the loss at one of the first steps."""
        loss = self.loss(step) if self.is_training(step) else None
        if loss is None or self._seen >= self.chosen["steps"]:
            return ""
        self._seen += 1
        self._last = loss
        if self._seen == 1:
            self._first = loss
        self._waited = 0 if loss < self._lowest else self._waited + 1
        self._lowest = min(self._lowest, loss)
        self._sign = self._sign or self._variances(step) or self._gradients(step)
        if self._sign and self._waited >= self.chosen["patience"]:
            return (
                f"{self._sign}; and the loss has not fallen below {self._lowest:.3f} for "
                f"{self._waited} steps, at step {self.base_trial.mode_step(step)}"
            )
        return ""

    def not_applicable(self) -> str:
        """Too short a training says nothing."""
        if self._seen <= self.chosen["patience"]:
            return f"{self._seen} steps were saved; {self.chosen['patience'] + 1} are needed"
        return ""

    def healthy(self) -> str:
        """The signs, and the loss."""
        if self._sign:
            return (
                f"{self._sign}; but the loss went from {self._first:.3f} to as low as "
                f"{self._lowest:.3f} in the first {self._seen} steps, so training can start from it"
            )
        return (
            f"in the first {self._seen} steps variances of activation inputs differed by a factor "
            f"of {self.ratio:.1f} at most, and the narrowest gradient spanned {self.range:.2g}"
        )

    def _variances(self, step: int) -> str:
        names = self.base_trial.tensor_names(
            step=step, mode=ModeKeys.GLOBAL, regex=self.chosen["activation_inputs_regex"]
        )
        variances = {name: self._variance(name, step) for name in names}
        if len(variances) < 2:
            return ""
        low, high = min(variances, key=variances.__getitem__), max(
            variances, key=variances.__getitem__
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
                    f"nine tenths of {name} lay within {high - low:.2g} at step "
                    f"{self.base_trial.mode_step(step)} (needed: "
                    f"{self.chosen['distribution_range']:g})"
                )
        return ""
