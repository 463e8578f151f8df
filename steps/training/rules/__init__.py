"""The debug rules: seven judgements of a training, under the names of the service's rules.

Five look at tensors that an smdebug hook saved, two at the machine. Names, parameters and their
defaults are those of SageMaker Debugger's built-in rules (developer guide, "List of Debugger
built-in rules"); the code is ours and runs wherever the training does.
"""

from __future__ import annotations

from pathlib import Path

from smdebug.exceptions import SMDebugError
from smdebug.trials import create_trial

from training import tensors
from training.profile import Profile
from training.rules.base import TensorRule
from training.rules.loss_not_decreasing import LossNotDecreasing
from training.rules.overfit import Overfit
from training.rules.overtraining import Overtraining
from training.rules.poor_weight_initialization import PoorWeightInitialization
from training.rules.system import low_gpu_utilization, profiler_report
from training.rules.vanishing_gradient import VanishingGradient
from training.rules.verdict import Verdict

__all__ = ["Verdict", "judge", "judge_tensors", "table"]


def judge(folder: Path, activation_inputs: str, profile: Profile) -> list[Verdict]:
    """Every rule's verdict.

    Args:
        folder: where the hook wrote; closed.
        activation_inputs: pattern of the tensors that go into the network's activation functions.
        profile: what the profiler measured.
    """
    return [
        *judge_tensors(folder, activation_inputs),
        low_gpu_utilization(profile),
        profiler_report(profile),
    ]


def judge_tensors(folder: Path, activation_inputs: str) -> list[Verdict]:
    """The verdicts of the five rules over tensors."""
    tensors.quieten()
    names: list[type[TensorRule]] = [
        VanishingGradient, Overfit, Overtraining, PoorWeightInitialization, LossNotDecreasing
    ]  # fmt: skip
    trial = create_trial(str(folder))
    verdicts = []
    for rule in names:
        parameters = (
            {"activation_inputs_regex": activation_inputs}
            if rule is PoorWeightInitialization
            else {}
        )
        try:
            verdicts.append(rule(trial, **parameters).judge())
        except SMDebugError as error:
            reason = f"the saved tensors cannot be read: {error}"
            verdicts.append(Verdict(rule.__name__, "NotApplicable", reason, rule.parameters))
    return verdicts


def table(verdicts: list[Verdict]) -> str:
    """The verdicts for a log, a line each."""
    rule = max(len(verdict.rule) for verdict in verdicts)
    status = max(len(verdict.status) for verdict in verdicts)
    return "\n".join(
        f"  {verdict.rule:<{rule}}  {verdict.status:<{status}}  {verdict.reason}"
        for verdict in verdicts
    )
