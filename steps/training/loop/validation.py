"""Validation after an epoch: predictions for the validation images, and their scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch

import decision
from training.data.datasets import ValidationSet
from training.hyperparameters import Recipe
from training.loop.temperature import fit_temperature
from training.machine.devices import autocast
from training.machine.memory import Pieces
from training.model.learner import Learner


@dataclass(frozen=True)
class Scores:
    """The quality of predictions, as in `Epoch`."""

    accuracy: float
    rmse: float
    within_one: float

    @staticmethod
    def of(probabilities: torch.Tensor, labels: torch.Tensor, classes: tuple[int, ...]) -> Scores:
        """Score probabilities (n, classes) against the indices of the right classes (n)."""
        counts = torch.tensor(classes, dtype=torch.float32)
        answers = counts[torch.from_numpy(decision.decide(probabilities.numpy(), classes))]
        truth, expected = counts[labels], probabilities @ counts
        return Scores(
            accuracy=float((answers == truth).float().mean()),
            rmse=float(((expected - truth) ** 2).mean().sqrt()),
            within_one=float(((answers - truth).abs() <= 1).float().mean()),
        )


class NotFinite(Exception):
    """A loss is not finite; the message names it and the hyperparameter to change."""


class Validation:
    """Validates a model after each epoch, with the predictions that it would serve."""

    def __init__(
        self,
        learner: Learner,
        images: ValidationSet,
        forward: Callable[[torch.Tensor], torch.Tensor],
        recipe: Recipe,
        device: torch.device,
    ) -> None:
        """Prepare to validate.

        Args:
            learner: its average is validated, or its model if it has none.
            images: with their targets and labels.
            forward: the learner's model, possibly compiled.
            recipe: the hyperparameters.
            device: of the model.
        """
        self._learner, self._images, self._forward = learner, images, forward
        self._recipe, self._device = recipe, device
        self._pieces = Pieces()

    def validate(self) -> tuple[float, Scores, torch.Tensor]:
        """The loss, the scores and the log probabilities (n, classes), on the CPU.

        The scores are those of the model as it would be served after this epoch: with the
        temperature fitted on these images. The log probabilities are without a temperature.

        Raises:
            NotFinite: the loss is not finite.
        """
        average, model = self._learner.average, self._learner.model
        with average.put_into(model) if average else nullcontext(), torch.no_grad():
            loss, log_probabilities = self._predict()
        if not math.isfinite(loss):
            raise NotFinite(
                f"the validation loss is {loss}; choose a smaller lr than {self._recipe.lr:g}"
            )
        labels, classes = self._images.labels, self._images.classes
        temperature = fit_temperature(log_probabilities, labels)
        served = (log_probabilities / temperature).softmax(1)
        return loss, Scores.of(served, labels, classes), log_probabilities

    def _predict(self) -> tuple[float, torch.Tensor]:
        learner, images = self._learner, self._images
        learner.model.eval()
        total, predictions = 0.0, []
        batches = torch.arange(len(images.inputs)).split(self._recipe.test_batch_size)
        for batch, read in zip(batches, images.inputs.stream(batches), strict=True):

            def forward(count: int, read: torch.Tensor = read) -> tuple[torch.Tensor, torch.Tensor]:
                first_views, decisions = [], []
                for part in read.tensor_split(count):
                    views = images.inputs.views(part)
                    with autocast(self._recipe.precision, self._device):
                        outputs = self._forward(torch.cat(views)).chunk(len(views))
                    first_views.append(outputs[0])
                    decisions.append(learner.counting.decide(outputs))
                return torch.cat(first_views), torch.cat(decisions)

            outputs, decided = self._pieces.run(len(batch), "validation", forward)
            targets = images.targets[batch].to(self._device)
            total += learner.criterion(outputs, targets).item() * len(batch)
            predictions.append(decided.float().cpu())
        return total / len(images.inputs), torch.cat(predictions)
