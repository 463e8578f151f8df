"""The training loop: train, validate, keep the best epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

import network
from training.data import augmentation, sampling
from training.data.datasets import TrainingSet, ValidationSet
from training.environment import TrainingError
from training.hyperparameters import Recipe
from training.loop import optimisation
from training.loop.checkpoints import Checkpoints
from training.loop.epoch import Epoch
from training.loop.progress import Progress
from training.loop.validation import NotFinite, Validation
from training.machine.devices import autocast
from training.machine.distributed import Group
from training.model import freezing
from training.model.learner import Learner

PROGRESS_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """The result of a training.

    Attributes:
        state: weights of the best epoch.
        best: the best epoch.
        history: all epochs in order.
        log_probabilities: of the validation images in the best epoch (n, classes).
        stopped: whether a signal ended the training.
        issue: the reason of the debug rule that ended the training; empty if none did.
        resumed: the epoch after which this process resumed; 0 if it started from scratch.
    """

    state: dict[str, torch.Tensor]
    best: Epoch
    history: list[Epoch]
    log_probabilities: torch.Tensor
    stopped: bool
    issue: str
    resumed: int


class Observer(Protocol):
    """Observes a training: times its phases, saves its tensors, tracks its epochs."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Time everything inside this context as part of a phase."""

    def start_training(self) -> None:
        """Training steps follow."""

    def start_validation(self) -> None:
        """Validation follows."""

    def add_epoch(self, epoch: Epoch) -> None:
        """An epoch is finished; after a resumption, earlier ones are added again."""

    def issue(self) -> str:
        """The reason to end the training after this epoch; empty if there is none."""


class Fitting:
    """One training, from the first step to the last.

    From a checkpoint it resumes with the same steps as without the interruption.
    """

    def __init__(
        self,
        learner: Learner,
        train: TrainingSet,
        validation: ValidationSet,
        recipe: Recipe,
        observer: Observer,
        should_stop: Callable[[], bool],
        device: torch.device,
        group: Group,
    ) -> None:
        """Prepare to train.

        Args:
            learner: the trained part of the network.
            train: the images to train on.
            validation: the images to validate on after each epoch.
            recipe: the hyperparameters.
            observer: observes the training.
            should_stop: called after each step; whether to end with the best epoch so far.
            device: of the learner.
            group: the processes that train together.

        Raises:
            TrainingError: a batch would have too few images.
        """
        self.learner, self.train = learner, train
        self.recipe, self.observer, self.should_stop = recipe, observer, should_stop
        self.device, self.group = device, group
        fewest = sampling.FEWEST * group.size
        if min(recipe.batch_size, len(train.inputs)) < fewest:
            raise TrainingError(
                f"a batch needs at least {fewest} images, {sampling.FEWEST} for each process; "
                f"batch-size is {recipe.batch_size}, and there are {len(train.inputs)} training "
                "images"
            )
        if recipe.batch_size > len(train.inputs):
            # A tuner with a fixed range must not lose a trial because of a small subset.
            print(
                f"batch-size {recipe.batch_size} is larger than the {len(train.inputs)} training "
                "images: each epoch is one step with all of them"
            )
        self.steps = math.ceil(len(train.inputs) / recipe.batch_size)
        # Without pretrained weights the backbone is as new as the head.
        head_rate = recipe.head_rate if recipe.pretrained else 1.0
        optimizer = optimisation.optimiser(learner.model, recipe.lr, recipe.weight_decay, head_rate)
        self.progress = Progress(
            learner.model,
            optimizer,
            optimisation.schedule(optimizer, self.steps * recipe.epochs, recipe.schedule),
            torch.Generator().manual_seed(recipe.seed),
            learner.average,
        )
        self.forward = torch.compile(learner.model) if recipe.compile else learner.model
        self.validation = Validation(learner, validation, self.forward, recipe, device)

    def run(self, checkpoints: Checkpoints) -> Outcome | None:
        """Train for the number of epochs, or until stopped.

        Returns:
            The result; None in all processes but the first.

        Raises:
            TrainingError: the loss is not finite, or memory runs out.
        """
        progress, group = self.progress, self.group
        resumed = self._resume(checkpoints)
        for number in range(resumed + 1, self.recipe.epochs + 1):
            if progress.issue:
                break
            started = time.monotonic()
            self.observer.start_training()
            try:
                loss, accuracy, seen, stopped = self._train(number)
                speed = seen / max(time.monotonic() - started, 1e-9)
                if stopped and number > 1:
                    break  # an unfinished epoch is not validated if a finished one can be kept
                if group.first:
                    epoch, log_probabilities = self._validate(number, loss, accuracy, speed)
                    print(epoch.line(), flush=True)
                    self.observer.add_epoch(epoch)
                    progress.add(epoch, log_probabilities, self.learner.kept)
            except NotFinite as error:
                raise TrainingError(f"{error}; {_last_good(progress, checkpoints)}") from None
            stopped = group.from_first(stopped or self.should_stop())
            if stopped:
                break  # possibly within an epoch, where no checkpoint can resume
            progress.issue = group.from_first(self.observer.issue() if group.first else "")
            if group.first:
                checkpoints.save(number, progress.state())
        if not group.first:
            return None
        assert progress.best is not None
        return Outcome(
            progress.best_state, progress.best, progress.history, progress.best_log_probabilities,
            self.should_stop(), progress.issue, resumed,
        )  # fmt: skip

    def _resume(self, checkpoints: Checkpoints) -> int:
        """Load a checkpoint and print its epochs again, as the metrics of a new job lack them."""
        state = self.group.from_first(checkpoints.load() if self.group.first else None)
        if state is None:
            return 0
        self.progress.restore(state)
        done = len(self.progress.history)
        if self.group.first:
            print(f"resumed after epoch {done} of {self.recipe.epochs}; so far:", flush=True)
            for epoch in self.progress.history:
                print(epoch.line(), flush=True)
                self.observer.add_epoch(epoch)
        return done

    def _train(self, number: int) -> tuple[float, float, int, bool]:
        """Train one epoch: mean loss, accuracy, number of images, whether to stop."""
        recipe, progress, group = self.recipe, self.progress, self.group
        freezing.training_mode(self.learner.model, self.learner.frozen)
        plan = sampling.Plan(
            recipe.batch_size, recipe.mixup, recipe.balanced, group.rank, group.size
        )
        inputs, full = self.train.inputs, recipe.image_size
        size = augmentation.size_in(number, recipe.epochs, full) if recipe.growing else full
        planned = sampling.steps(self.train.levels, plan, inputs.draw, progress.generator)
        stream = inputs.stream(step.indices for step in planned)
        total, correct, seen = 0.0, 0.0, 0
        logged = time.monotonic()
        for index, step in enumerate(planned, start=1):
            where = f"step {index} of epoch {number}"
            with self.observer.phase("data"):
                batch = step.mix(inputs.changed(next(stream), step.changes, size))
                targets = step.mix(self.train.targets[step.indices]).to(self.device)
                corrections = step.mix(self.train.corrections[step.indices]).to(self.device)
                levels = self.train.levels[step.indices[: step.own]].to(self.device)
            with self.observer.phase("forward_backward"):
                value, right, stop = self._gradients(
                    step, (batch, targets, corrections, levels), where
                )
                group.add_gradients(self.learner.model)
                nn.utils.clip_grad_norm_(
                    self.learner.model.parameters(), optimisation.LARGEST_GRADIENT
                )
                progress.optimizer.step()
                progress.scheduler.step()
                if self.learner.average:
                    self.learner.average.update(self.learner.model)
            total += value * step.batch
            correct += right
            seen += step.batch
            if stop:
                break
            if time.monotonic() - logged > PROGRESS_SECONDS and group.first:
                logged = time.monotonic()
                print(
                    f"epoch {number}: step {index} of {len(planned)}, loss {total / seen:.3f}",
                    flush=True,
                )
        return total / seen, correct / seen, seen, stop

    def _gradients(
        self,
        step: sampling.Step,
        batch: Sequence[torch.Tensor],
        where: str,
    ) -> tuple[float, float, bool]:
        """The batch's mean loss, its right answers, and whether any process is to stop.

        The model gets this process's part of the gradient. `batch` has the images, their targets,
        corrections and levels.
        """
        recipe, learner = self.recipe, self.learner

        def work(count: int) -> tuple[float, int]:
            self.progress.optimizer.zero_grad()
            value, right = 0.0, 0
            pieces = zip(*(values.tensor_split(count) for values in batch), strict=True)
            for part, target, correction, truth in pieces:
                with autocast(recipe.precision, self.device):
                    outputs = self.forward(part)
                corrected = outputs + correction if correction.any() else outputs
                loss = learner.criterion(corrected, target) * (len(target) / step.batch)
                value += loss.item()
                if math.isfinite(value):
                    loss.backward()
                answers = network.log_probabilities(outputs.float(), learner.counting.loss)
                right += int((answers.argmax(1) == truth).sum())
            return value, right

        value, right = self.progress.pieces.run(step.own, where, work)
        own = (value, right, self.should_stop())
        value, all_right, stop = self.group.total(own, self.device)
        if not math.isfinite(value):
            raise NotFinite(
                f"the loss is {value} at {where}; choose a smaller lr than {recipe.lr:g}, "
                f"or a larger batch-size than {recipe.batch_size}"
            )
        return value, all_right, bool(stop)

    def _validate(
        self, number: int, loss: float, accuracy: float, speed: float
    ) -> tuple[Epoch, torch.Tensor]:
        """The epoch's results, and the log probabilities (n, classes) of the validation images."""
        self.observer.start_validation()
        with self.observer.phase("evaluation"):
            validation_loss, scores, log_probabilities = self.validation.validate()
        epoch = Epoch(
            number, loss, accuracy, validation_loss, scores.accuracy, scores.rmse,
            scores.within_one, speed,
        )  # fmt: skip
        return epoch, log_probabilities


def _last_good(progress: Progress, checkpoints: Checkpoints) -> str:
    if not progress.history:
        return "no epoch was finished before"
    last = f"the last good epoch is {progress.history[-1].epoch}"
    return f"{last}, in {checkpoints.file}" if checkpoints.file.is_file() else last
