"""The results of one epoch, and the log line that carries them; needs no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Epoch:
    """The results of one epoch.

    Attributes:
        train_loss: from `losses.CountLoss`, in nats, on augmented and mixed images.
        train_accuracy: over all levels; a mixed image counts as the one with the larger share.
        validation_loss: as `train_loss`, on the images as they are.
        validation_accuracy: share of right answers.
        validation_rmse: root mean square error of the expected count, in items.
        validation_within_one: share of answers that are at most one item off.
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
        """The log line from which metric definitions extract values; never with an exponent."""
        values = [f"{name}={value:.4f}" for name, value in asdict(self).items() if name != "epoch"]
        return f"epoch={self.epoch} {' '.join(values)}"

    def better_than(self, other: Epoch | None) -> bool:
        """Whether the validation loss is lower: with few images it tells more than accuracy."""
        return other is None or self.validation_loss < other.validation_loss
