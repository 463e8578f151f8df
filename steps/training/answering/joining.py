"""Fit how distributions over the counts are joined, on validation."""

from __future__ import annotations

import torch
from torch.nn import functional

from served_network import NEVER, Joining

PENALTY = 5.0  # on the squared changes; as scikit-learn's logistic regression with C = 0.1
PENALTY_OF_SHIFT = 0.15


def fit(labels: torch.Tensor, prior: torch.Tensor, *given: torch.Tensor) -> Joining:
    """The regression that makes the validation counts most likely.

    It starts from, and is held near, the product of the distributions, divided by the shares of the
    classes for each but one. That is right if they are independent for each count (Hinton 2002,
    "Training Products of Experts"). A distribution that stands alone may give each class weights
    for all of its own; where several are joined, a class has one weight for its share in each, as
    more of them would fit the noise of some 900 bins (docs/decisions/photo-and-record.md).

    Args:
        labels: index of each right class (n).
        prior: the share of each class (classes).
        given: the log probabilities (n, classes) of each distribution.
    """
    classes = len(prior)
    product = torch.eye(classes, dtype=torch.float64).repeat(1, len(given))
    start = (1 - len(given)) * prior.double().clamp(min=1e-6).log()
    inputs = torch.cat(given, dim=1).double().clamp(min=NEVER)
    free = torch.ones_like(product) if len(given) == 1 else product
    change = torch.zeros_like(product, requires_grad=True)
    shift = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.LBFGS([change, shift], max_iter=500, line_search_fn="strong_wolfe")

    def objective() -> torch.Tensor:
        optimizer.zero_grad()
        odds = functional.linear(inputs, product + free * change, start + shift)
        value = functional.cross_entropy(odds, labels, reduction="sum")
        value = value + PENALTY * (change**2).sum() + PENALTY_OF_SHIFT * (shift**2).sum()
        value.backward()
        return value

    optimizer.step(objective)
    fitted = Joining(len(given), classes)
    with torch.no_grad():
        fitted.weigh.weight.copy_(product + free * change)
        fitted.weigh.bias.copy_(start + shift)
    return fitted.eval()
