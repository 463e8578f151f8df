"""From a network's outputs to the probabilities that are answered."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import decision
import network
from tests.steps.tiny_model import TINY

LEVELS = [0, 1, 2, 3, 4]
OUTPUTS = {"cross-entropy": 5, "soft-ordinal": 5, "expected-count": 5, "coral": 4, "corn": 4}


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


class Given(nn.Module):
    """A network that answers with what each image holds: its first row of pixels."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0]


def given(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows)[:, None, None]


@pytest.mark.parametrize("loss", OUTPUTS)
@pytest.mark.parametrize("mirrored", [False, True], ids=["one-view", "mirrored"])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_probabilities_add_up(loss: Any, mirrored: bool, temperature: float) -> None:
    torch.manual_seed(0)
    settings = {
        "classes": [1, 2, 3], "levels": LEVELS, "loss": loss,
        "temperature": temperature, "mirrored": mirrored,
    }  # fmt: skip
    images = 50 * torch.randn(7, 1, 1, OUTPUTS[loss])  # so large that exponentials overflow
    probabilities = network.counting(Given(), settings)(images)
    assert probabilities.shape == (7, 3)
    assert torch.allclose(probabilities.sum(1), torch.ones(7))
    assert (probabilities >= 0).all()


def test_corn_is_a_chain_of_conditionals() -> None:
    a, b, c = 0.3, -1.2, 2.0
    found = network.log_probabilities(torch.tensor([[a, b, c]]), "corn").exp()[0].tolist()
    above = [sigmoid(a), sigmoid(a) * sigmoid(b), sigmoid(a) * sigmoid(b) * sigmoid(c)]
    by_hand = [1 - above[0], above[0] - above[1], above[1] - above[2], above[2]]
    assert found == pytest.approx(by_hand, abs=1e-6)


def test_coral_is_differences_of_cumulatives() -> None:
    found = network.log_probabilities(torch.tensor([[2.0, 0.5, -1.0]]), "coral").exp()[0].tolist()
    above = [sigmoid(2.0), sigmoid(0.5), sigmoid(-1.0)]
    by_hand = [1 - above[0], above[0] - above[1], above[1] - above[2], above[2]]
    assert found == pytest.approx(by_hand, abs=1e-6)


def test_coral_out_of_order_is_still_a_distribution() -> None:
    found = network.log_probabilities(torch.tensor([[-1.0, 1.0, 0.0]]), "coral").exp()
    assert float(found.sum()) == pytest.approx(1)
    assert torch.isfinite(found.log()).all()


def test_levels_that_are_not_classes_are_never_answered() -> None:
    settings = {"classes": [1, 2], "levels": [0, 1, 2, 3]}
    found = network.counting(Given(), settings)(given([[9.0, 1.0, 2.0, 9.0]]))
    assert found[0].tolist() == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)])


def test_an_older_model_uses_softmax() -> None:
    row = [0.2, 1.4, -0.3]
    found = network.counting(Given(), {"classes": [1, 3, 5]})(given([row]))
    assert torch.allclose(found, torch.tensor([row]).softmax(1))


def test_with_mirrored_the_answer_is_the_mean_of_both_views() -> None:
    row = [0.2, 1.4, -0.3]
    found = network.counting(Given(), {"classes": [1, 3, 5], "mirrored": True})(given([row]))
    both = torch.tensor([row, row[::-1]]).softmax(1)
    assert torch.allclose(found[0], both.mean(0))


def test_a_temperature_above_one_flattens_probabilities() -> None:
    row = [0.2, 1.4, -0.3]
    found = network.counting(Given(), {"classes": [1, 3, 5], "temperature": 2.0})(given([row]))
    assert torch.allclose(found, (torch.tensor([row]) / 2).softmax(1))


@pytest.mark.parametrize(
    ("probabilities", "classes", "answer"),
    [
        ([0.05, 0.70, 0.10, 0.10, 0.05], [1, 2, 3, 4, 5], 2),
        ([0.05, 0.34, 0.02, 0.32, 0.27], [1, 2, 3, 4, 5], 4),
        ([0.40, 0.00, 0.30, 0.00, 0.30], [1, 2, 3, 4, 5], 1),
        ([0.34, 0.33, 0.33], [1, 3, 5], 1),
        ([1.0], [3], 3),
    ],
    ids=["clear", "likelier-neighbours", "far-from-the-others", "no-neighbours", "one-count"],
)
def test_a_near_miss_has_some_value(
    probabilities: list[float], classes: list[int], answer: int
) -> None:
    rows = np.array([probabilities, probabilities])
    assert [classes[index] for index in decision.decide(rows, classes)] == [answer, answer]


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", TINY])
def test_a_backbone_has_an_output_for_each_count(backbone: Any) -> None:
    model = network.build(backbone, 5).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 5)
