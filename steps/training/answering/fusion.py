"""Fit how photo and items are joined, on validation."""

from __future__ import annotations

import torch
from torch.nn import functional

from served_network import Fusion

PENALTY = 1.5  # on the squared changes; about that of scikit-learn's logistic regression with C=0.3


def fit(
    photo: torch.Tensor, items: torch.Tensor, labels: torch.Tensor, prior: torch.Tensor
) -> Fusion:
    """The regression that makes the validation counts most likely.

    It starts from, and is held near, the product of the two distributions divided by the shares of
    the classes, which is right if photo and items are independent for each count (Hinton 2002,
    "Training Products of Experts").

    Args:
        photo: log probabilities (n, classes) by the photo.
        items: the same by the items.
        labels: index of each right class (n).
        prior: the share of each class (classes).
    """
    classes = photo.shape[1]
    product = torch.cat([torch.eye(classes), torch.eye(classes)], dim=1).double()
    start = -prior.double().clamp(min=1e-6).log()
    inputs = torch.cat([photo, items], dim=1).double().clamp(min=-30)
    change = torch.zeros(classes, 2 * classes, dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([change, shift], max_iter=500, line_search_fn="strong_wolfe")

    def objective() -> torch.Tensor:
        optimizer.zero_grad()
        odds = functional.linear(inputs, product + change, start + shift)
        value = functional.cross_entropy(odds, labels, reduction="sum")
        value = value + PENALTY * ((change**2).sum() + 0.1 * (shift**2).sum())
        value.backward()
        return value

    optimizer.step(objective)
    fitted = Fusion(classes)
    with torch.no_grad():
        fitted.weigh.weight.copy_(product + change)
        fitted.weigh.bias.copy_(start + shift)
    return fitted.eval()
