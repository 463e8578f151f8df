"""The base class of the rules that read saved tensors."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import numpy
from smdebug.core.modes import ModeKeys
from smdebug.exceptions import RuleEvaluationConditionMet
from smdebug.rules.rule import Rule
from smdebug.trials.trial import Trial

from training.watch.rules.verdict import Verdict

GRADIENTS, LOSSES = "gradients", "losses"


class TensorRule(Rule):
    """Inspects one step after the other, up to the first that shows the issue.

    A subclass defines `inspect`, which describes the issue or returns nothing, and
    `healthy_reason`, which gives the figures if there is none. Its parameters and defaults are
    those that SageMaker Debugger publishes for its rule of the same name.
    """

    parameters: ClassVar[dict[str, Any]] = {}

    def __init__(self, base_trial: Trial, ended: bool = True, **parameters: Any) -> None:
        """Judge a trial.

        Args:
            base_trial: the saved tensors.
            ended: whether the training has ended; some issues can only be found at the end.
            parameters: those that differ from the defaults.
        """
        unknown = set(parameters) - set(self.parameters)
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no parameter {sorted(unknown)[0]}; "
                f"it has {', '.join(self.parameters)}"
            )
        super().__init__(base_trial, action_str="")
        self.chosen = {**self.parameters, **parameters}
        self.finding = ""
        self._ended = ended

    def inspect(self, step: int) -> str:
        """The issue at this global step, in words; empty if there is none."""
        raise NotImplementedError

    def healthy_reason(self) -> str:
        """Why there is no issue, with figures."""
        raise NotImplementedError

    def not_applicable(self) -> str:
        """Why the rule cannot judge, after all steps were inspected; empty if it can."""
        return ""

    def invoke_at_step(self, step: int) -> bool:
        """Inspect a step; smdebug calls this."""
        self.finding = self.inspect(step)
        return bool(self.finding)

    def judge(self) -> Verdict:
        """Inspect every saved step."""
        name = type(self).__name__
        try:
            for step in self.base_trial.steps():
                self.invoke(step)
        except RuleEvaluationConditionMet:
            return Verdict(name, "IssuesFound", self.finding, self.chosen)
        reason = self.not_applicable()
        if reason:
            return Verdict(name, "NotApplicable", reason, self.chosen)
        return Verdict(name, "NoIssuesFound", self.healthy_reason(), self.chosen)

    def is_training(self, step: int) -> bool:
        """Whether the step belongs to training, not to validation."""
        return bool(self.base_trial.mode(step) != ModeKeys.EVAL)

    def last_training_step(self) -> int:
        """The global step of the last training batch; -1 if there is none.

        Beyond all steps while the training continues.
        """
        if not self._ended:
            return sys.maxsize
        steps = [step for step in self.base_trial.steps() if self.is_training(step)]
        return steps[-1] if steps else -1

    def values(self, step: int, collection: str) -> dict[str, numpy.ndarray]:
        """The raw tensors of a collection that were saved at a global step."""
        names = self.base_trial.tensor_names(step=step, collection=collection)
        return {name: numpy.asarray(self.base_trial.tensor(name).value(step)) for name in names}

    def loss(self, step: int) -> float | None:
        """The loss of the batch at a global step, if one was saved."""
        losses = self.values(step, LOSSES)
        return float(numpy.mean([value.mean() for value in losses.values()])) if losses else None
