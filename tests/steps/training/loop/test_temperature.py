"""The temperature of a model's answers."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

import decision
from training.hyperparameters import Recipe
from training.loop.temperature import HIGHEST, LOWEST, fit_temperature
from training.loop.validation import Validation


@pytest.mark.parametrize("wrong_by", [0.5, 1.0, 2.0, 3.0])
def test_the_temperature_corrects_over_and_underconfidence(wrong_by: float) -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(20_000, 5, generator=generator)
    answers = torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]
    found = fit_temperature((true * wrong_by).log_softmax(1), answers)
    assert found == pytest.approx(wrong_by, rel=0.05)


def test_the_temperature_is_bounded_with_few_images() -> None:
    sure = torch.tensor([[3.0, 0.0], [0.0, 3.0]]).log_softmax(1)
    assert fit_temperature(sure, torch.tensor([0, 1])) == LOWEST
    assert fit_temperature(sure, torch.tensor([1, 0])) == HIGHEST


def test_an_epoch_is_scored_by_the_answers_it_would_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Near misses are worth something, so the temperature changes which count is answered."""
    classes = (1, 2, 3, 4, 5)
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(2000, 5, generator=generator)
    right = torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]
    given = (3 * true).log_softmax(1)
    monkeypatch.setattr(Validation, "_predict", lambda self: (1.5, given))
    learner: Any = SimpleNamespace(average=None, model=None)
    images: Any = SimpleNamespace(labels=right, classes=classes)
    loss, scores, kept = Validation(
        learner, images, lambda pixels: pixels, Recipe(), torch.device("cpu")
    ).validate()

    at = {t: (given / t).softmax(1) for t in (1.0, fit_temperature(given, right))}
    raw, served = (torch.from_numpy(decision.decide(p.numpy(), classes)) for p in at.values())
    assert scores.accuracy == pytest.approx(float((served == right).float().mean()))
    assert scores.within_one == pytest.approx(float(((served - right).abs() <= 1).float().mean()))
    assert float((raw == right).float().mean()) != pytest.approx(scores.accuracy)
    assert loss == 1.5
    assert torch.equal(kept, given), "what is calibrated once more when the model is written"
