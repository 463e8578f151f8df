"""The temperature that calibrates the probabilities, fitted on validation."""

from __future__ import annotations

import torch
from torch.nn import functional

LOWEST, HIGHEST = 0.25, 4.0  # few images, or only right predictions, have no optimum


def fit_temperature(log_probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """The divisor of the log probabilities that makes the labels most likely.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. The most probable
    count stays the same; the answer may change, as `decision.decide` values near misses.

    Args:
        log_probabilities: (n, classes).
        labels: index of each right class (n).
    """
    predictions = log_probabilities.double()
    logarithm = torch.zeros((), dtype=torch.float64, requires_grad=True)  # of the temperature
    optimizer = torch.optim.LBFGS([logarithm], max_iter=100, line_search_fn="strong_wolfe")

    def likelihood() -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(predictions / logarithm.exp(), labels)
        loss.backward()
        return loss

    optimizer.step(likelihood)
    return round(min(max(float(logarithm.detach().exp()), LOWEST), HIGHEST), 4)
