"""The state of a training between two epochs: all that it needs to resume without a difference."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from training.loop.epoch import Epoch
from training.machine.memory import Pieces
from training.model.averaging import Average


@dataclass
class Progress:
    """The state of a training between two epochs.

    Attributes:
        history: the finished epochs, in order.
        best: the epoch that is kept.
        best_state: its weights, on the CPU.
        best_log_probabilities: its predictions for the validation images (n, classes).
        issue: the debug rule's reason to end the training; empty if there is none.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    average: Average | None = None
    pieces: Pieces = field(default_factory=Pieces)
    history: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    best_state: dict[str, torch.Tensor] = field(default_factory=dict)
    best_log_probabilities: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    issue: str = ""

    def add(self, epoch: Epoch, log_probabilities: torch.Tensor, kept: nn.Module) -> None:
        """Add a finished epoch; if it is the best, keep its predictions and weights."""
        self.history.append(epoch)
        if epoch.better_than(self.best):
            self.best, self.best_log_probabilities = epoch, log_probabilities
            self.best_state = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in kept.state_dict().items()
            }

    def state(self) -> dict[str, Any]:
        """The state, as values that `torch.load` reads with `weights_only=True`."""
        assert self.best is not None
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else {},
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "generator": self.generator.get_state(),
            "torch_generator": torch.get_rng_state(),
            "cuda_generators": cuda,
            "pieces": self.pieces.count,
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.best.epoch,
            "best_state": self.best_state,
            "best_log_probabilities": self.best_log_probabilities,
            "issue": self.issue,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state()`; the model and all else must have been built in the same way."""
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch_generator"])
        if torch.cuda.is_available() and len(state["cuda_generators"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda_generators"])
        self.pieces.count = state["pieces"]
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.best = self.history[state["best"] - 1]
        self.best_state = state["best_state"]
        self.best_log_probabilities = state["best_log_probabilities"]
        self.issue = state["issue"]
