"""The temperature of a model's answers."""

import pytest
import torch
from training import calibration


@pytest.mark.parametrize("wrong_by", [0.5, 1.0, 2.0, 3.0])
def test_the_temperature_undoes_over_and_underconfidence(wrong_by):
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(20_000, 5, generator=generator)
    answers = torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]
    found = calibration.temperature((true * wrong_by).log_softmax(1), answers)
    assert found == pytest.approx(wrong_by, rel=0.05)


def test_a_few_right_answers_do_not_make_it_certain():
    sure = torch.tensor([[3.0, 0.0], [0.0, 3.0]]).log_softmax(1)
    assert calibration.temperature(sure, torch.tensor([0, 1])) == calibration.LOWEST
    assert calibration.temperature(sure, torch.tensor([1, 0])) == calibration.HIGHEST
