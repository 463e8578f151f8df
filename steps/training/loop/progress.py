"""How far a training has come: everything that it needs to go on as if it had never stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

import engine
from training.machine.memory import Pieces
from training.model.averaging import Average


@dataclass(frozen=True)
class Epoch:
    """What one epoch reached.

    Attributes:
        train_loss: of `losses.CountLoss`, in nats, of images as they were changed and mixed.
        train_accuracy: among all levels; of a mixed image, its larger part counts.
        validation_loss: as `train_loss`, of images as they are.
        validation_accuracy: the share that is answered right.
        validation_rmse: root mean square error of the expected count, in items.
        validation_within_one: the share that is answered at most one item wrong.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_rmse: float
    validation_within_one: float
    images_per_second: float

    def line(self) -> str:
        """The log line that metric definitions read; never with an exponent."""
        values = [f"{name}={value:.4f}" for name, value in asdict(self).items() if name != "epoch"]
        return f"epoch={self.epoch} {' '.join(values)}"

    def better_than(self, other: Epoch | None) -> bool:
        """Of lower loss on validation, which says more of a few hundred images than accuracy."""
        return other is None or self.validation_loss < other.validation_loss


@dataclass(frozen=True)
class Scores:
    """How good answers are; as in `Epoch`."""

    accuracy: float
    rmse: float
    within_one: float

    @staticmethod
    def of(probabilities: torch.Tensor, labels: torch.Tensor, classes: tuple[int, ...]) -> Scores:
        """Scores of probabilities (n, classes) where these labels (n), as indices, are right."""
        counts = torch.tensor(classes, dtype=torch.float32)
        answered = counts[torch.from_numpy(engine.decide(probabilities.numpy(), classes))]
        truth, expected = counts[labels], probabilities @ counts
        return Scores(
            accuracy=float((answered == truth).float().mean()),
            rmse=float(((expected - truth) ** 2).mean().sqrt()),
            within_one=float(((answered - truth).abs() <= 1).float().mean()),
        )


@dataclass
class Progress:
    """A training between two epochs.

    Attributes:
        history: the finished epochs, in order.
        best: which of them is kept.
        best_state: its weights, on the CPU.
        best_log_probabilities: its answers for the validation images (n, classes).
        issue: what a debug rule ended the training for; empty while it may go on.
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
        """Count an epoch as finished, and keep what it answered and these weights if it is best."""
        self.history.append(epoch)
        if epoch.better_than(self.best):
            self.best, self.best_log_probabilities = epoch, log_probabilities
            self.best_state = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in kept.state_dict().items()
            }

    def state(self) -> dict[str, Any]:
        """All of it in values that `torch.load` reads with `weights_only=True`."""
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
        """Go back to where `state` was taken; the model and the rest were made in the same way."""
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
