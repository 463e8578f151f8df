"""The seven debug rules, named after SageMaker Debugger's.

Five read the tensors that an smdebug hook saved, two the profile of the machine. Names, parameters
and defaults are those of SageMaker Debugger's built-in rules (Amazon SageMaker developer guide,
"List of Debugger built-in rules", the parameter table of each rule; for LowGPUUtilization "List of
Debugger built-in profiler rules"); the code is our own and runs wherever the training runs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from smdebug.exceptions import SMDebugError
from smdebug.trials import create_trial

from training.watch.profiling.profiler import Profile
from training.watch.rules.base import TensorRule
from training.watch.rules.loss_not_decreasing import LossNotDecreasing
from training.watch.rules.overfit import Overfit
from training.watch.rules.overtraining import Overtraining
from training.watch.rules.poor_weight_initialization import PoorWeightInitialization
from training.watch.rules.system import low_gpu_utilization, profiler_report
from training.watch.rules.vanishing_gradient import VanishingGradient
from training.watch.rules.verdict import Verdict

__all__ = ["Verdict", "add_end", "judge", "judge_tensors", "table"]

TENSOR_RULES: tuple[type[TensorRule], ...] = (
    VanishingGradient, Overfit, Overtraining, PoorWeightInitialization, LossNotDecreasing
)  # fmt: skip


def judge(
    folder: Path, activation_inputs: str, profile: Profile, resumed: int = 0
) -> list[Verdict]:
    """The verdicts of all rules.

    Args:
        folder: tensors of the hook, which is closed.
        activation_inputs: pattern of the tensors that are inputs of activation functions.
        profile: of the training.
        resumed: the epoch after which the training was resumed; earlier tensors are lost.
    """
    verdicts = judge_tensors(folder, activation_inputs)
    return [
        *(_limit_to_resumed(verdict, resumed) if resumed else verdict for verdict in verdicts),
        low_gpu_utilization(profile),
        profiler_report(profile),
    ]


def judge_tensors(folder: Path, activation_inputs: str, ended: bool = True) -> list[Verdict]:
    """The verdicts of the five rules over tensors.

    Args:
        folder: tensors of the hook.
        activation_inputs: pattern of the tensors that are inputs of activation functions.
        ended: whether the training has ended. Before the end, rules report only issues that no
            later step can cure: not that the loss never fell.
    """
    trial = create_trial(str(folder))
    verdicts = []
    for rule in TENSOR_RULES:
        parameters = (
            {"activation_inputs_regex": activation_inputs}
            if rule is PoorWeightInitialization
            else {}
        )
        try:
            verdicts.append(rule(trial, ended=ended, **parameters).judge())
        except SMDebugError as error:
            reason = f"the saved tensors cannot be read: {error}"
            verdicts.append(Verdict(rule.__name__, "NotApplicable", reason, rule.parameters))
    return verdicts


def add_end(verdicts: list[Verdict], epoch: int) -> list[Verdict]:
    """Add to the tensor rules' issues that they ended the training after `epoch`."""
    tensor_rules = {rule.__name__ for rule in TENSOR_RULES}
    return [
        replace(verdict, reason=f"{verdict.reason}; the training was ended after epoch {epoch}")
        if verdict.status == "IssuesFound" and verdict.rule in tensor_rules
        else verdict
        for verdict in verdicts
    ]


def _limit_to_resumed(verdict: Verdict, resumed: int) -> Verdict:
    """Limit a verdict to the epochs since the training was resumed."""
    if verdict.rule == PoorWeightInitialization.__name__:
        reason = f"the training was resumed after epoch {resumed}; its first steps were not kept"
        return replace(verdict, status="NotApplicable", reason=reason)
    return replace(
        verdict, reason=f"{verdict.reason} (since the training was resumed after epoch {resumed})"
    )


def table(verdicts: list[Verdict]) -> str:
    """The verdicts as lines of the log."""
    rule = max(len(verdict.rule) for verdict in verdicts)
    status = max(len(verdict.status) for verdict in verdicts)
    return "\n".join(
        f"  {verdict.rule:<{rule}}  {verdict.status:<{status}}  {verdict.reason}"
        for verdict in verdicts
    )
