"""A rule over saved tensors, step by step, that can say what it found."""

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
    """Looks at one step after the other and stops at the first that shows the issue.

    A subclass gives `look`, which returns what is wrong in words or nothing, and `healthy`, which
    says with numbers why nothing is. Its parameters and their defaults are those that the service
    publishes for its rule of the same name.
    """

    parameters: ClassVar[dict[str, Any]] = {}

    def __init__(self, base_trial: Trial, ended: bool = True, **parameters: Any) -> None:
        """Take the trial to judge.

        Args:
            base_trial: the saved tensors.
            ended: nothing will follow; what can only be said in the end may be said.
            parameters: those that differ from the published ones.
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

    def look(self, step: int) -> str:
        """What is wrong at this global step, in words; nothing where all is well."""
        raise NotImplementedError

    def healthy(self) -> str:
        """Why nothing is wrong, with numbers."""
        raise NotImplementedError

    def not_applicable(self) -> str:
        """Why nothing can be said, asked after every step was looked at; nothing if it can."""
        return ""

    def invoke_at_step(self, step: int) -> bool:
        """Smdebug's way to ask for a step."""
        self.finding = self.look(step)
        return bool(self.finding)

    def judge(self) -> Verdict:
        """Look at every saved step."""
        name = type(self).__name__
        try:
            for step in self.base_trial.steps():
                self.invoke(step)
        except RuleEvaluationConditionMet:
            return Verdict(name, "IssuesFound", self.finding, self.chosen)
        reason = self.not_applicable()
        if reason:
            return Verdict(name, "NotApplicable", reason, self.chosen)
        return Verdict(name, "NoIssuesFound", self.healthy(), self.chosen)

    def is_training(self, step: int) -> bool:
        """Whether the step was one of training, not of validation."""
        return self.base_trial.mode(step) != ModeKeys.EVAL

    def last_training_step(self) -> int:
        """The global step of the last batch that was trained; -1 where none was.

        Beyond all steps while the training goes on.
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
