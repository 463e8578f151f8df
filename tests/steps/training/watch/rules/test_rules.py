"""The debug rules on tensors that show the issue, and on healthy ones."""

import json
import time
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from smdebug.core.access_layer.utils import END_OF_JOB_FILENAME
from smdebug.core.modes import ModeKeys
from smdebug.core.writer import FileWriter
from smdebug.pytorch.collection import CollectionManager
from smdebug.trials import create_trial
from smdebug.trials.trial import Trial
from torch import nn

from training.watch import rules
from training.watch.profiling.profiler import Profile, Profiler
from training.watch.rules.base import TensorRule
from training.watch.rules.loss_not_decreasing import LossNotDecreasing
from training.watch.rules.overfit import Overfit
from training.watch.rules.overtraining import Overtraining
from training.watch.rules.poor_weight_initialization import PoorWeightInitialization
from training.watch.rules.system import low_gpu_utilization, profiler_report
from training.watch.rules.vanishing_gradient import VanishingGradient
from training.watch.tensors import TensorHook

pytestmark = pytest.mark.usefixtures("one_thread")

Steps = list[tuple[str, dict[str, Any]]]
SPREAD = numpy.linspace(-1, 1, 21)


def trial(folder: Path, steps: Steps) -> Trial:
    """Write tensors with smdebug's own writer: ("train" or "eval", {name: value}) for each step."""
    names = {
        "losses": "loss_output_0",
        "gradients": "gradient/Net_first.weight",
        "relu_input": "first.relu_input_0",
    }
    collections = CollectionManager()
    for collection in names:
        collections.get(collection).include_regex = []
    counted = {ModeKeys.TRAIN: 0, ModeKeys.EVAL: 0}
    for step, (kind, tensors) in enumerate(steps):
        mode = ModeKeys.TRAIN if kind == "train" else ModeKeys.EVAL
        with FileWriter(trial_dir=str(folder), step=step, worker="worker_0") as writer:
            for name, value in tensors.items():
                collection = next(c for c in names if name.startswith(names[c].split("_")[0][:5]) or
                                  (c == "relu_input" and "relu_input" in name))  # fmt: skip
                collections.get(collection).add_tensor_name(name)
                writer.write_tensor(
                    tdata=numpy.asarray(value, dtype=numpy.float32),
                    tname=name,
                    mode=mode,
                    mode_step=counted[mode],
                )
        counted[mode] += 1
    collections.set_num_workers(1)
    collections.export(str(folder), "worker_0_collections.json")
    (folder / END_OF_JOB_FILENAME).touch()
    return create_trial(str(folder))


def losses(train: list[float]) -> Steps:
    return [("train", {"loss_output_0": value}) for value in train]


def passes(pairs: list[tuple[float, float]]) -> Steps:
    """Two steps of training and two of validation for each pair of losses."""
    return [
        (kind, {"loss_output_0": value})
        for train, validation in pairs
        for kind, value in [("train", train)] * 2 + [("eval", validation)] * 2
    ]


def starts(gradient: float, second_layer: float, fall: float) -> Steps:
    """Twenty first steps: width of the gradient, scale of a second layer's inputs, fall of loss."""
    return [
        (
            "train",
            {
                "loss_output_0": 2.0 - fall * step,
                "gradient/Net_first.weight": SPREAD * gradient,
                "first.relu_input_0": SPREAD,
                "second.relu_input_0": SPREAD * second_layer,
            },
        )
        for step in range(20)
    ]


FALLING = [2.0 - 0.02 * step for step in range(40)]
NOISE = list(numpy.random.default_rng(0).normal(0, 0.15, 40))

CASES: dict[str, tuple[type[TensorRule], dict[str, Any], Steps, str, str]] = {
    "vanishing": (
        VanishingGradient, {},
        [("train", {"gradient/Net_first.weight": SPREAD * 10.0**-step}) for step in range(9)],
        "IssuesFound", "gradient/Net_first.weight was 5.2e-08 at step 7, below 1e-07",
    ),
    "gradients-flow": (
        VanishingGradient, {},
        [("train", {"gradient/Net_first.weight": SPREAD})] * 3,
        "NoIssuesFound", "smallest mean magnitude of a gradient was 0.52",
    ),
    "no-gradients": (
        VanishingGradient, {}, losses(FALLING), "NotApplicable", "no gradients were saved"
    ),
    "validation-drifts-away": (
        Overfit, {}, passes([(2.0, 2.0), (1.5, 1.6), (1.0, 1.7)]),
        "IssuesFound", "at step 5 the validation loss 1.700 was 70.0% above the training loss 1.0",
    ),
    "validation-follows": (
        Overfit, {}, passes([(2.0, 1.9), (1.5, 1.6), (1.2, 1.3)]),
        "NoIssuesFound", "up to 8.3% above the training loss (closest at step 5); 10% above is",
    ),
    "one-bad-pass-within-patience": (
        Overfit, {"patience": 2}, passes([(1.0, 1.7), (1.0, 1.0)]), "NoIssuesFound", "to 70.0%"
    ),
    "validation-below-training": (
        Overfit, {}, passes([(2.0, 1.6), (1.5, 1.35)]),
        "NoIssuesFound", "stayed at least 10.0% below the training loss (closest at step 3); 10%",
    ),
    "before-start-step": (
        Overfit, {"start_step": 3}, passes([(1.0, 1.7), (1.0, 1.0)]), "NoIssuesFound", "10%"
    ),
    "nothing-validated": (
        Overfit, {}, losses(FALLING), "NotApplicable", "no loss of a validation pass was saved"
    ),
    "standing-still": (
        Overtraining, {}, passes([(2.0, 2.0), *[(1.0, 1.0)] * 6]),
        "IssuesFound", "step 13 the training loss had not improved on 1.000 by 0.01 for 5 passes",
    ),
    "validation-standing-still": (
        Overtraining, {}, passes([(2.0 - 0.1 * i, 1.5) for i in range(12)]),
        "IssuesFound", "the validation loss had not improved on 1.500 by 0.01 for 10 passes",
    ),
    "still-improving": (
        Overtraining, {}, passes([(2.0 - 0.1 * i, 2.0 - 0.05 * i) for i in range(12)]),
        "NoIssuesFound", "the training loss has been without improvement for 0 (allowed: 4)",
    ),
    "one-pass": (
        Overtraining, {}, passes([(2.0, 2.0)]), "NoIssuesFound", "after 1 pass the training loss"
    ),
    "too-small-to-start": (
        PoorWeightInitialization, {}, starts(gradient=1e-5, second_layer=1, fall=0),
        "IssuesFound", "within 1.8e-05 at step 0 (at least 0.001 is needed); and the loss never",
    ),
    "layers-apart": (
        PoorWeightInitialization, {}, starts(gradient=1, second_layer=100, fall=0),
        "IssuesFound", "second.relu_input_0 was 1e+04 times that of first.relu_input_0 at step 0",
    ),
    "layers-apart-but-learning": (
        PoorWeightInitialization, {}, starts(gradient=1, second_layer=100, fall=0.05),
        "NoIssuesFound", "but the loss fell from 1.900 to",
    ),
    "good-start": (
        PoorWeightInitialization, {}, starts(gradient=1, second_layer=1.5, fall=0.05),
        "NoIssuesFound", "differed by a factor of at most 2.2",
    ),
    "wide-enough-by-setting": (
        PoorWeightInitialization, {"distribution_range": 1e-6}, starts(1e-5, 1, 0),
        "NoIssuesFound", "spanned 1.8e-05",
    ),
    "short-start": (
        PoorWeightInitialization, {}, starts(1e-5, 1, 0)[:7],
        "NotApplicable", "7 losses were saved; 10 are needed",
    ),
    "flat": (
        LossNotDecreasing, {}, losses([1.6] * 30),
        "IssuesFound", "was 1.600 at step 29 and 1.600 at step 9: it has not fallen by 0.1 %",
    ),
    "rising": (
        LossNotDecreasing, {}, losses([1.0] * 10 + [1.2] * 10 + [0.5] * 10),
        "IssuesFound", "rose by 20.0 %, from 1.000 at step 9 to 1.200 at step 19",
    ),
    "falling": (
        LossNotDecreasing, {}, losses(FALLING),
        "NoIssuesFound", "went from 1.910 to 1.310 (-31.4 %)",
    ),
    "falling-through-noise": (
        LossNotDecreasing, {}, losses([a + b for a, b in zip(FALLING, NOISE, strict=True)]),
        "NoIssuesFound", "went from",
    ),
    "few-steps": (
        LossNotDecreasing, {}, losses(FALLING[:15]),
        "NotApplicable", "15 losses were saved; 20 are needed",
    ),
    "few-steps-are-enough-by-setting": (
        LossNotDecreasing, {"num_steps": 5}, losses(FALLING[:15]), "NoIssuesFound", "-10"
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "parameters", "steps", "status", "reason"), CASES.values(), ids=CASES.keys()
)
def test_a_verdict_has_a_reason(
    tmp_path: Path, rule: Any, parameters: Any, steps: Any, status: Any, reason: Any
) -> None:
    verdict = rule(trial(tmp_path / "tensors", steps), **parameters).judge()

    assert (verdict.rule, verdict.status) == (rule.__name__, status), verdict.reason
    assert reason in verdict.reason
    assert verdict.parameters == {**rule.parameters, **parameters}


@pytest.mark.parametrize(
    ("case", "status"),
    [
        ("flat", "NoIssuesFound"),
        ("too-small-to-start", "NoIssuesFound"),
        ("rising", "IssuesFound"),
        ("validation-drifts-away", "IssuesFound"),
        ("vanishing", "IssuesFound"),
        ("standing-still", "IssuesFound"),
    ],
)
def test_before_the_end_rules_report_only_lasting_issues(
    tmp_path: Path, case: str, status: str
) -> None:
    rule, parameters, steps, _, _ = CASES[case]
    verdict = rule(trial(tmp_path / "tensors", steps), ended=False, **parameters).judge()
    assert verdict.status == status


PUBLISHED: dict[type[TensorRule], dict[str, Any]] = {
    VanishingGradient: {"threshold": 0.0000001},
    Overfit: {"start_step": 0, "patience": 1, "ratio_threshold": 0.1},
    Overtraining: {"patience_train": 5, "patience_validation": 10, "delta": 0.01},
    PoorWeightInitialization: {
        "activation_inputs_regex": ".*relu_input", "threshold": 10.0,
        "distribution_range": 0.001, "patience": 5, "steps": 10,
    },
    LossNotDecreasing: {"num_steps": 10, "diff_percent": 0.1, "increase_threshold_percent": 5},
}  # fmt: skip


@pytest.mark.parametrize("rule", PUBLISHED, ids=lambda rule: rule.__name__)
def test_defaults_are_those_published_by_sagemaker_debugger(rule: Any) -> None:
    assert rule.parameters == PUBLISHED[rule]


def test_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Overfit has no parameter threshold; it has start_step"):
        Overfit(trial(tmp_path / "tensors", losses([1.0])), threshold=1)


@pytest.mark.parametrize(
    ("gpu", "status", "reason"),
    [
        ({}, "NotApplicable", "this machine has no GPU"),
        ({0: [90.0] * 999}, "NotApplicable", "999 samples of GPU 0 were taken"),
        ({0: [0.0] * 1000 + [90.0] * 500}, "NoIssuesFound", "between 90 % and 90 %"),
        ({0: [90.0] * 1600, 1: [40.0] * 1600}, "IssuesFound", "GPU 1 over the last 500 samples"),
        ({0: [95.0] * 1000 + [95.0, 95.0, 2.0] * 200}, "IssuesFound", "it often waits"),
    ],
    ids=["no-gpu", "short", "busy", "idle", "by-fits-and-starts"],
)
def test_low_gpu_utilization(gpu: dict[int, list[float]], status: str, reason: str) -> None:
    verdict = low_gpu_utilization(Profile(gpu=gpu))
    assert verdict.status == status
    assert reason in verdict.reason


def busy(**changes: Any) -> Profile:
    figures: dict[str, Any] = {
        "phases": {"data": 1.0, "forward_backward": 9.0, "evaluation": 1.0},
        "cpu": [95.0] * 20, "machine_cpu": [30.0] * 20,
        "memory_mb": [900.0] * 20, "machine_memory": [40.0] * 20,
        "seconds": 11.0, "cores": 2, "threads": 2,
    }  # fmt: skip
    return Profile(**{**figures, **changes})


@pytest.mark.parametrize(
    ("profile", "finding"),
    [
        (busy(), None),
        (
            busy(phases={"data": 5.0, "forward_backward": 5.0}),
            "50% of the training time was spent on",
        ),
        (busy(phases={"forward_backward": 2.0, "evaluation": 3.0}), "60% of the time was spent on"),
        (busy(cpu=[20.0] * 19), None),
        (busy(cpu=[20.0] * 20), "The 2 threads computed 20 % of the time while cores were free"),
        (busy(cpu=[20.0] * 20, machine_cpu=[95.0] * 20), None),
        (busy(cpu=[10.0] * 20, cores=16, threads=2), None),
        (busy(machine_memory=[97.0]), "memory was 97 % full"),
    ],
    ids=[
        "busy",
        "waits-for-data",
        "validates-too-much",
        "too-short-to-tell",
        "idle",
        "shared-machine",
        "few-threads",
        "memory-full",
    ],
)
def test_profiler_report(profile: Any, finding: str | None) -> None:
    verdict = profiler_report(profile)
    assert verdict.status == ("IssuesFound" if finding else "NoIssuesFound")
    assert finding is None or finding in verdict.reason
    assert verdict.details["phases"] == profile.phases
    json.dumps(verdict.as_dict())


def test_the_profiler_samples_and_times() -> None:
    profiler = Profiler(interval=0.01)
    profiler.start()
    with profiler.phase("work"):
        while not profiler.profile.machine_memory:
            time.sleep(0.01)
    profile = profiler.stop()
    assert profile.seconds >= profile.phases["work"] > 0
    assert profile.cpu
    assert profile.memory_mb[0] > 10


class Deep(nn.Module):
    """Eight layers; with sigmoids and small weights no gradient reaches the first."""

    def __init__(self, activation: type[nn.Module], scale: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(8):
            layer = nn.Linear(8, 8)
            nn.init.normal_(layer.weight, std=scale)
            layers += [layer, activation()]
        self.layers = nn.Sequential(*layers, nn.Linear(8, 3))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layers(inputs)


def train(folder: Path, model: nn.Module, lr: float, steps: int = 40) -> list[rules.Verdict]:
    """Train a tiny model under the real hook and judge what it saved."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 8, generator=generator)
    labels = (inputs[:, :1] > 0).long().squeeze(1)
    criterion = nn.CrossEntropyLoss()
    hook = TensorHook(folder, model, criterion, steps)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    for step in range(steps):
        hook.start_training()
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()
        optimizer.step()
        if step % 20 == 19:
            hook.start_validation()
            with torch.no_grad():
                criterion(model(inputs), labels)
    hook.close()
    return rules.judge(folder, hook.activation_inputs, busy())


def statuses(verdicts: list[rules.Verdict]) -> dict[str, str]:
    return {verdict.rule: verdict.status for verdict in verdicts}


def test_a_healthy_training_has_no_issues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_JOB_NAME", "tally-train-1")  # as in every SageMaker job
    torch.manual_seed(0)
    verdicts = train(tmp_path / "tensors", Deep(nn.ReLU, scale=0.5), lr=0.1)

    assert statuses(verdicts) == {
        "VanishingGradient": "NoIssuesFound",
        "Overfit": "NoIssuesFound",
        "Overtraining": "NoIssuesFound",
        "PoorWeightInitialization": "NoIssuesFound",
        "LossNotDecreasing": "NoIssuesFound",
        "LowGPUUtilization": "NotApplicable",
        "ProfilerReport": "NoIssuesFound",
    }
    lines = rules.table(verdicts).splitlines()
    assert len(lines) == 7
    assert "VanishingGradient         NoIssuesFound" in lines[0]


def test_a_training_that_cannot_learn_has_issues(tmp_path: Path) -> None:
    torch.manual_seed(0)
    verdicts = train(tmp_path / "tensors", Deep(nn.Sigmoid, scale=0.01), lr=1e-6)

    found = statuses(verdicts)
    assert found["VanishingGradient"] == "IssuesFound"
    assert found["PoorWeightInitialization"] == "IssuesFound"
    assert found["LossNotDecreasing"] == "IssuesFound"


def test_a_training_without_saved_tensors_is_not_judged(tmp_path: Path) -> None:
    trial(tmp_path / "tensors", [("train", {"loss_output_0": 1.0})])
    found = {v.rule: v.status for v in rules.judge_tensors(tmp_path / "tensors", ".*relu_input")}
    assert set(found.values()) == {"NotApplicable"}
