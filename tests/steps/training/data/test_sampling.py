"""The batches of an epoch: drawn, mixed, shared among processes."""

import pytest
import torch

from training.data import sampling
from training.data.sampling import Plan


def drawn(plan: Plan, levels: torch.Tensor | None = None, seed: int = 0) -> list[sampling.Step]:
    levels = torch.zeros(17, dtype=torch.int64) if levels is None else levels
    generator = torch.Generator().manual_seed(seed)
    return sampling.steps(
        levels, plan, lambda count, chance: torch.rand(count, 2, generator=chance), generator
    )


def test_every_image_is_used_once_and_never_in_a_batch_of_one() -> None:
    seen = torch.cat([step.indices for step in drawn(Plan(size=8))])
    assert len(seen) == 16
    assert len(set(seen.tolist())) == 16


def test_balanced_batches_have_equal_numbers_of_each_level() -> None:
    levels = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)
    seen = torch.cat([levels[step.indices] for step in drawn(Plan(100, balanced=True), levels)])
    assert torch.allclose(torch.bincount(seen) / 1000, torch.full((3,), 1 / 3), atol=0.06)


def test_the_same_seed_gives_the_same_mixtures() -> None:
    one, two = drawn(Plan(8, mixup=0.2)), drawn(Plan(8, mixup=0.2))
    assert [step.share for step in one] == [step.share for step in two]
    assert all(torch.equal(a.partners, b.partners) for a, b in zip(one, two, strict=True))
    assert drawn(Plan(8, mixup=0.2), seed=1)[0].share != one[0].share


def test_the_image_itself_has_the_larger_share_of_a_mixture() -> None:
    steps = drawn(Plan(4, mixup=1.0), torch.zeros(4000, dtype=torch.int64))
    shares = torch.tensor([step.share for step in steps])
    assert (shares >= 0.5).all()
    assert float(shares.mean()) == pytest.approx(0.75, abs=0.02)  # Beta(1, 1) folded at a half
    step = steps[0]
    values = torch.tensor([1.0, 10.0, 100.0, 1000.0])
    by_hand = [
        step.share * float(values[i]) + (1 - step.share) * float(values[step.partners[i]])
        for i in range(4)
    ]
    assert step.mix(values).tolist() == pytest.approx(by_hand)


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_processes_share_the_batches_of_a_single_process(mixup: float) -> None:
    images = torch.rand(17, 3)
    whole = drawn(Plan(8, mixup))
    shares = [drawn(Plan(8, mixup, rank=rank, processes=2)) for rank in range(2)]
    for step, *parts in zip(whole, *shares, strict=True):
        mixed = step.mix(images[step.indices])
        changed = step.changes[: step.own]
        assert torch.allclose(torch.cat([p.mix(images[p.indices]) for p in parts]), mixed)
        assert torch.equal(torch.cat([p.changes[: p.own] for p in parts]), changed)
        assert [part.batch for part in parts] == [step.batch] * 2
