"""The losses of whole passes, which Overfit and Overtraining compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smdebug.trials.trial import Trial

from training.watch.rules.base import TensorRule


@dataclass(frozen=True)
class Passes:
    """Mean losses of one validation pass and the training before it; the last training step."""

    train: float
    validation: float
    step: int


class LossHistoryRule(TensorRule):
    """A rule that compares whole validation passes, not single batches.

    SageMaker Debugger compares at every saved step. Here one validation pass, many steps over
    different images, counts as one comparison of mean losses.
    """

    def __init__(self, base_trial: Trial, **parameters: Any) -> None:
        """Judge a trial; `parameters` are those that differ from the defaults."""
        super().__init__(base_trial, **parameters)
        self.passes: list[Passes] = []
        self._train: list[float] = []
        self._validation: list[float] = []
        self._step = 0
        self._last = max(base_trial.steps(), default=-1)

    def inspect(self, step: int) -> str:
        """Collect losses; at the end of a validation pass, compare."""
        loss = self.loss(step)
        if loss is None:
            return ""
        finding = ""
        if self.is_training(step):
            finding = self._end_of_pass()
            self._train.append(loss)
            self._step = self.base_trial.mode_step(step)
        else:
            self._validation.append(loss)
        return finding or (self._end_of_pass() if step == self._last else "")

    def compare(self) -> str:
        """The issue after the newest of `passes`, in words; empty if there is none."""
        raise NotImplementedError

    def not_applicable(self) -> str:
        """Without validation there is nothing to compare."""
        return "" if self.passes else "no loss of a validation pass was saved"

    def _end_of_pass(self) -> str:
        if not (self._train and self._validation):
            return ""
        self.passes.append(
            Passes(
                sum(self._train) / len(self._train),
                sum(self._validation) / len(self._validation),
                self._step,
            )
        )
        self._train, self._validation = [], []
        return self.compare()
