"""What a network answers for the validation images, and how good that is."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext

import torch

from training.data.datasets import ValidationSet
from training.loop.progress import Scores
from training.loop.settings import Settings
from training.loop.temperature import fit_temperature
from training.machine.memory import Pieces
from training.model.learner import Learner


class NotFinite(Exception):
    """A loss is no number; which one, and what to change."""


class Validation:
    """The same images after each epoch, judged as the model will answer: by setting, both views."""

    def __init__(
        self,
        learner: Learner,
        images: ValidationSet,
        forward: Callable[[torch.Tensor], torch.Tensor],
        settings: Settings,
        device: torch.device,
    ) -> None:
        """Validate a network.

        Args:
            learner: what is trained; its average is judged where it has one.
            images: with their targets and labels.
            forward: the learner's model, perhaps compiled.
            settings: of the fitting.
            device: where the model is.
        """
        self._learner, self._images, self._forward = learner, images, forward
        self._settings, self._device = settings, device
        self._pieces = Pieces()

    def judge(self) -> tuple[float, Scores, torch.Tensor]:
        """The loss, the scores and the log probabilities (n, classes), on the CPU.

        The scores are what the model would be served with after this epoch: at the temperature
        that these images ask for. The log probabilities are as the network gave them.

        Raises:
            NotFinite: the loss is no number.
        """
        average, model = self._learner.average, self._learner.model
        with average.put_into(model) if average else nullcontext():
            loss, log_probabilities = self._answers()
        if not math.isfinite(loss):
            raise NotFinite(
                f"the validation loss is {loss}; choose a smaller lr than {self._settings.lr:g}"
            )
        labels, classes = self._images.labels, self._images.classes
        temperature = fit_temperature(log_probabilities, labels)
        served = (log_probabilities / temperature).softmax(1)
        return loss, Scores.of(served, labels, classes), log_probabilities

    @torch.no_grad()
    def _answers(self) -> tuple[float, torch.Tensor]:
        learner, images = self._learner, self._images
        learner.model.eval()
        total, answers = 0.0, []
        batches = torch.arange(len(images.inputs)).split(self._settings.test_batch_size)
        for batch, read in zip(batches, images.inputs.stream(batches), strict=True):

            def forward(count: int, read: torch.Tensor = read) -> tuple[torch.Tensor, torch.Tensor]:
                seen, decided = [], []
                for part in read.tensor_split(count):
                    views = images.inputs.views(part)
                    with self._settings.precision(self._device):
                        outputs = self._forward(torch.cat(views)).chunk(len(views))
                    seen.append(outputs[0])
                    decided.append(learner.counting.decide(outputs))
                return torch.cat(seen), torch.cat(decided)

            outputs, decided = self._pieces.run(len(batch), "validation", forward)
            targets = images.targets[batch].to(self._device)
            total += learner.criterion(outputs, targets).item() * len(batch)
            answers.append(decided.float().cpu())
        return total / len(images.inputs), torch.cat(answers)
