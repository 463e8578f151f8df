"""How sure the answers are: one temperature, fitted on validation."""

from __future__ import annotations

import torch
from torch.nn import functional

LOWEST, HIGHEST = 0.25, 4.0  # few images, or only right answers, would lead anywhere


def fit_temperature(log_probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """What log probabilities must be divided by to be most likely.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. Which count is the
    most probable does not change; which one is answered may, where a near miss is worth something
    (`decide` in engine.py).

    Args:
        log_probabilities: (n, classes).
        labels: the right classes (n), as indices.
    """
    given = log_probabilities.double()
    logarithm = torch.zeros((), dtype=torch.float64, requires_grad=True)  # of a positive number
    optimizer = torch.optim.LBFGS([logarithm], max_iter=100, line_search_fn="strong_wolfe")

    def likelihood() -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(given / logarithm.exp(), labels)
        loss.backward()
        return loss

    optimizer.step(likelihood)
    return round(min(max(float(logarithm.detach().exp()), LOWEST), HIGHEST), 4)
