"""The optimiser and the schedule of its rate."""

import pytest
import torch

import network
from tests.steps.tiny_training import TINY
from training.hyperparameters import Schedule
from training.loop import optimisation
from training.model import freezing


def test_the_head_learns_faster_than_a_pretrained_backbone() -> None:
    model = network.build(TINY, 3)
    tuned = optimisation.optimiser(model, 0.01, 0.02, head_rate=6)
    rates = {round(group["lr"], 6) for group in tuned.param_groups}
    assert rates == {0.003, 0.0005}
    decays = {
        group["weight_decay"] for group in tuned.param_groups for p in group["params"] if p.ndim < 2
    }
    assert decays == {0.0}


def test_frozen_parameters_are_not_optimised() -> None:
    model = network.build(TINY, 3)
    everything = sum(p.numel() for p in model.parameters())
    frozen = freezing.first_parts(model, 2, TINY)
    freezing.freeze(frozen)
    left = optimisation.optimiser(model, 0.01, 0.02, head_rate=1)
    learnt = sum(p.numel() for group in left.param_groups for p in group["params"])
    assert learnt == everything - sum(p.numel() for part in frozen for p in part.parameters())


def rates(steps: int, kind: Schedule) -> list[float]:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = optimisation.schedule(optimizer, steps, kind)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("steps", [1, 2, 5, 100])
def test_one_cycle_rises_to_its_peak_and_falls(steps: int) -> None:
    found = rates(steps, "one-cycle")
    peak = found.index(max(found))
    assert max(found) == 1.0
    assert min(found) > 0
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)


@pytest.mark.parametrize("steps", [1, 2, 100])
def test_cosine_only_falls(steps: int) -> None:
    found = rates(steps, "cosine")
    assert found[0] == pytest.approx(1.0, abs=0.5 / steps)
    assert found == sorted(found, reverse=True)
    assert found[-1] > 0


def test_constant_stays_at_the_peak() -> None:
    assert rates(5, "constant") == [1.0] * 5
