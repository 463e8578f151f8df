"""The moving average of the weights."""

import pytest
import torch
from torch import nn

from training.model.averaging import Average


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))


def test_decay_grows_to_its_hyperparameter() -> None:
    model = network()
    average = Average(model, decay=0.5)
    by_hand: float | None = None
    for step in range(20):
        nn.init.constant_(model[0].weight, float(step))
        average.update(model)
        decay = min(0.5, (1 + step) / (10 + step))
        by_hand = step if by_hand is None else decay * by_hand + (1 - decay) * step
    assert average.module[0].weight.unique().tolist() == pytest.approx([by_hand])


def test_batch_statistics_are_averaged_too() -> None:
    torch.manual_seed(0)
    model = network().train()
    average = Average(model, decay=0.9)
    means = []
    for _ in range(3):
        model(torch.randn(8, 2) + 5)
        average.update(model)
        means.append(model[1].running_mean.clone())
    averaged = average.module[1].running_mean
    assert not torch.equal(averaged, torch.zeros(2))
    assert torch.all(averaged.abs() < means[-1].abs())  # it follows what moves away from 0
    assert not torch.equal(average.module[1].running_mean, model[1].running_mean)


def test_a_model_gets_the_average_and_then_its_own_weights_again() -> None:
    model = network()
    average = Average(model, decay=0.9)
    own = model[0].weight.detach().clone()
    nn.init.constant_(average.module[0].weight, 3.0)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with average.put_into(model):
        assert model[0].weight.unique().tolist() == [3.0]
    assert torch.equal(model[0].weight, own)
    assert average.module[0].weight.unique().tolist() == [3.0]
    assert optimizer.param_groups[0]["params"][0] is model[0].weight
