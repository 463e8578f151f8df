"""Losses of counts in order, their targets and the levels behind them."""

import math
from typing import Any, get_args

import pytest
import torch
from torch import nn

from training.hyperparameters import Loss
from training.model import losses

LEVELS = losses.levels((0, 1, 2, 3), (1, 2))


def test_levels_are_the_judged_counts_if_there_are_no_others() -> None:
    assert losses.levels((1, 3, 5), (1, 3, 5)) == losses.Levels((1, 3, 5), (1, 3, 5))


def test_counts_above_the_judged_ones_become_at_most_four_levels() -> None:
    levels = losses.levels((0, 1, 2, 3, 7, 30), (1, 2, 3))
    assert levels.counts == (0, 1, 2, 3, 4, 5, 6, 7)
    assert levels.classes == (1, 2, 3)
    assert levels.of(torch.tensor([0, 3, 7, 30])).tolist() == [0, 3, 7, 7]


@pytest.mark.parametrize("loss", get_args(Loss))
def test_a_loss_falls_and_its_targets_are_distributions(loss: Any) -> None:
    torch.manual_seed(0)
    indices = torch.arange(4).repeat(8)
    inputs = nn.functional.one_hot(indices, 4).float() + 0.1 * torch.randn(32, 4)
    targets = losses.targets(indices, LEVELS, loss, width=0.6, smoothing=0.1)
    assert torch.allclose(targets.sum(1), torch.ones(32))
    assert targets.argmax(1).tolist() == indices.tolist()
    head = losses.Head(4, LEVELS.outputs(loss), dropout=0.0, shared=loss == "coral")
    criterion = losses.CountLoss(loss, LEVELS)
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    found = []
    for _ in range(60):
        optimizer.zero_grad()
        value = criterion(head(inputs), targets)
        value.backward()
        optimizer.step()
        found.append(float(value.detach()))
    assert found[-1] < 0.75 * found[0]


@pytest.mark.parametrize("loss", get_args(Loss))
def test_a_batch_in_pieces_has_the_same_loss(loss: Any) -> None:
    torch.manual_seed(0)
    targets = losses.targets(torch.tensor([0, 3, 1, 2, 2, 3]), LEVELS, loss, 0.6, 0.1)
    outputs = torch.randn(6, LEVELS.outputs(loss))
    criterion = losses.CountLoss(loss, LEVELS)
    parts = zip(outputs.split([4, 2]), targets.split([4, 2]), (4 / 6, 2 / 6), strict=True)
    together = sum(float(criterion(out, target)) * share for out, target, share in parts)
    assert together == pytest.approx(float(criterion(outputs, targets)), rel=1e-5)


def test_a_soft_label_is_a_gaussian_in_items() -> None:
    levels = losses.levels((1, 3, 4), (1, 3, 4))
    found = losses.targets(torch.tensor([1]), levels, "soft-ordinal", 0.8, 0.0)[0]
    weights = [math.exp(-0.5 * ((count - 3) / 0.8) ** 2) for count in (1, 3, 4)]
    assert found.tolist() == pytest.approx([weight / sum(weights) for weight in weights])


def test_corn_is_the_paper_s_sum_of_conditional_tasks() -> None:
    """Of 3 items among 0 … 3: each task is asked, and each should say yes; of 1: two are asked."""
    outputs = torch.tensor([[0.2, -0.4, 1.1]])
    log_yes, log_no = nn.functional.logsigmoid(outputs)[0], nn.functional.logsigmoid(-outputs)[0]
    criterion = losses.CountLoss("corn", LEVELS)
    for index, by_hand in ((3, -log_yes.sum()), (1, -(log_yes[0] + log_no[1])), (0, -log_no[0])):
        target = losses.targets(torch.tensor([index]), LEVELS, "corn", 0, 0)
        assert float(criterion(outputs, target)) == pytest.approx(float(by_hand), rel=1e-5)


def test_coral_is_the_paper_s_sum_of_thresholds() -> None:
    outputs = torch.tensor([[0.9, 0.1, -1.0]])
    by_hand = -nn.functional.logsigmoid(torch.tensor([0.9, 0.1, 1.0])).sum()  # 2 is above 0 and 1
    target = losses.targets(torch.tensor([2]), LEVELS, "coral", 0, 0)
    found = losses.CountLoss("coral", LEVELS)(outputs, target)
    assert float(found) == pytest.approx(float(by_hand), rel=1e-5)


def test_the_expected_count_loss_grows_with_distance() -> None:
    near, far = torch.tensor([[0.0, 0, 6, 4]]), torch.tensor([[4.0, 0, 6, 0]])
    target = losses.targets(torch.tensor([2]), LEVELS, "expected-count", 0, 0.0)
    plain = losses.CountLoss("cross-entropy", LEVELS)
    ordered = losses.CountLoss("expected-count", LEVELS)
    assert float(plain(near, target)) == pytest.approx(float(plain(far, target)))
    assert float(ordered(near, target)) < float(ordered(far, target))


def test_coral_s_thresholds_share_a_weight() -> None:
    head = losses.Head(6, 3, dropout=0.0, shared=True)
    outputs = head(torch.randn(5, 6))
    gaps = outputs[:, :-1] - outputs[:, 1:]
    assert torch.allclose(gaps, gaps[:1].expand(5, -1), atol=1e-6)
    assert (gaps > 0).all()


@pytest.mark.parametrize("loss", ["cross-entropy", "expected-count"])
def test_smoothing_spreads_a_share_over_all_levels(loss: Loss) -> None:
    found = losses.targets(torch.tensor([1]), LEVELS, loss, width=0.6, smoothing=0.2)[0]
    assert found.tolist() == pytest.approx([0.05, 0.85, 0.05, 0.05])


def test_features_are_dropped_only_in_training() -> None:
    torch.manual_seed(0)
    head = losses.Head(1000, 1, dropout=0.4, shared=False)
    nn.init.ones_(head.weight)
    features = torch.ones(8, 1000)
    kept = head.train()(features) * 0.6
    assert kept.std() > 0
    assert torch.allclose(kept, torch.full((8, 1), 600.0), atol=60)
    assert head.eval()(features).tolist() == [[1000.0]] * 8
