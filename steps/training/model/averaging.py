"""The moving average of the weights, which is validated and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Average(AveragedModel):
    """An exponential moving average of weights and batch statistics.

    Its decay grows with the steps, min(decay, (1 + t) / (10 + t)), as in TensorFlow's
    ExponentialMovingAverage; otherwise a short training would keep its first weights.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model, use_buffers=True)
        self.requires_grad_(requires_grad=False)
        self._decay = decay

    def update(self, model: nn.Module) -> None:
        """Add the weights after one step."""
        step = int(self.n_averaged)
        self.multi_avg_fn = get_ema_multi_avg_fn(min(self._decay, (1 + step) / (10 + step)))
        self.update_parameters(model)

    @contextmanager
    def put_into(self, model: nn.Module) -> Iterator[None]:
        """Put the average into the model inside this context; hooks and compilation stay valid."""
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    def _exchange(self, model: nn.Module) -> None:
        ours = [*self.module.parameters(), *self.module.buffers()]
        theirs = [*model.parameters(), *model.buffers()]
        for one, other in zip(ours, theirs, strict=True):
            one.data, other.data = other.data, one.data
