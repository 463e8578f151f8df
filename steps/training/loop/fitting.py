"""The epochs: train, validate, keep the best."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

import network
from training.data import augmentation, sampling
from training.data.datasets import TrainingSet, ValidationSet
from training.environment import TrainingError
from training.loop import optimisation
from training.loop.checkpoints import Checkpoints
from training.loop.progress import Epoch, Progress
from training.loop.settings import Settings
from training.loop.validation import NotFinite, Validation
from training.machine.distributed import Group
from training.model import freezing
from training.model.learner import Learner

PROGRESS_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """The weights of the best epoch, which one it was, and all of them in order.

    Attributes:
        log_probabilities: of the best epoch for the validation images (n, classes).
        stopped: a signal ended the training.
        issue: what a debug rule ended it for; empty where none did.
        resumed: the epoch after which this process went on; 0 where it began.
    """

    state: dict[str, torch.Tensor]
    best: Epoch
    history: list[Epoch]
    log_probabilities: torch.Tensor
    stopped: bool
    issue: str
    resumed: int


class Observer(Protocol):
    """What watches a training: the profiler's phases and the debug hook's modes."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Time what happens inside as part of `name`."""

    def training(self) -> None:
        """What follows is training."""

    def validating(self) -> None:
        """What follows is validation."""

    def reached(self, epoch: Epoch) -> None:
        """An epoch is done; those before a resumption are told again."""

    def issue(self) -> str:
        """What the training must end for, asked after each epoch; nothing while it may go on."""


class Fitting:
    """One training, from its first step to its last.

    It goes on where a checkpoint is, and takes the very steps that it would have taken unbroken.
    """

    def __init__(
        self,
        learner: Learner,
        train: TrainingSet,
        validation: ValidationSet,
        settings: Settings,
        observer: Observer,
        should_stop: Callable[[], bool],
        device: torch.device,
        group: Group,
    ) -> None:
        """Prepare to train.

        Args:
            learner: what is trained.
            train: what it learns.
            validation: what it is judged by after each epoch.
            settings: how.
            observer: what watches.
            should_stop: whether to end with the best so far; asked after each step.
            device: where the learner is.
            group: the processes that train together.

        Raises:
            TrainingError: no batch has enough images to learn from.
        """
        self.learner, self.train = learner, train
        self.settings, self.observer, self.should_stop = settings, observer, should_stop
        self.device, self.group = device, group
        fewest = sampling.FEWEST * group.size
        if min(settings.batch_size, len(train.inputs)) < fewest:
            raise TrainingError(
                f"a batch must have {fewest} images or more, {sampling.FEWEST} for each process; "
                f"batch-size is {settings.batch_size}, and there are {len(train.inputs)} training "
                "images"
            )
        if settings.batch_size > len(train.inputs):
            # A tuner that draws from a fixed range must not lose a trial to a small subset.
            print(
                f"batch-size {settings.batch_size} is larger than the {len(train.inputs)} training "
                "images: each epoch is one step over all of them"
            )
        self.steps = math.ceil(len(train.inputs) / settings.batch_size)
        optimizer = optimisation.optimiser(
            learner.model, settings.lr, settings.weight_decay, settings.head_rate
        )
        self.progress = Progress(
            learner.model,
            optimizer,
            optimisation.schedule(optimizer, self.steps * settings.epochs, settings.schedule),
            torch.Generator().manual_seed(settings.seed),
            learner.average,
        )
        self.forward = torch.compile(learner.model) if settings.compile else learner.model
        self.validation = Validation(learner, validation, self.forward, settings, device)

    def run(self, checkpoints: Checkpoints) -> Outcome | None:
        """Train for the epochs asked for, or until told to stop.

        Returns:
            How it ended; nothing in processes other than the first.

        Raises:
            TrainingError: the loss is no number, or the memory does not suffice.
        """
        progress, group = self.progress, self.group
        resumed = self._resume(checkpoints)
        for number in range(resumed + 1, self.settings.epochs + 1):
            if progress.issue:
                break
            started = time.monotonic()
            self.observer.training()
            try:
                loss, accuracy, seen, stopped = self._train(number)
                speed = seen / max(time.monotonic() - started, 1e-9)
                if stopped and number > 1:
                    break  # an unfinished epoch is not judged when a finished one can be kept
                if group.first:
                    epoch, log_probabilities = self._judge(number, loss, accuracy, speed)
                    print(epoch.line(), flush=True)
                    self.observer.reached(epoch)
                    progress.add(epoch, log_probabilities, self.learner.kept)
            except NotFinite as error:
                raise TrainingError(f"{error}; {_last_good(progress, checkpoints)}") from None
            stopped = group.from_first(stopped or self.should_stop())
            if stopped:
                break  # perhaps in the middle of the epoch, from where no checkpoint can go on
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
        """Take up a checkpoint, and show its epochs again: a new job's metrics lack them."""
        state = self.group.from_first(checkpoints.load() if self.group.first else None)
        if state is None:
            return 0
        self.progress.restore(state)
        done = len(self.progress.history)
        if self.group.first:
            print(f"resumed after epoch {done} of {self.settings.epochs}; so far:", flush=True)
            for epoch in self.progress.history:
                print(epoch.line(), flush=True)
                self.observer.reached(epoch)
        return done

    def _train(self, number: int) -> tuple[float, float, int, bool]:
        """One pass over the images: mean loss, accuracy, images seen, whether told to stop."""
        settings, progress, group = self.settings, self.progress, self.group
        freezing.training_mode(self.learner.model, self.learner.frozen)
        plan = sampling.Plan(
            settings.batch_size, settings.mixup, settings.balanced, group.rank, group.size
        )
        inputs, full = self.train.inputs, settings.image_size
        size = augmentation.size_in(number, settings.epochs, full) if settings.growing else full
        planned = sampling.steps(self.train.levels, plan, inputs.draw, progress.generator)
        stream = inputs.stream(step.indices for step in planned)
        total, correct, seen = 0.0, 0.0, 0
        logged = time.monotonic()
        for index, step in enumerate(planned, start=1):
            where = f"step {index} of epoch {number}"
            with self.observer.phase("data"):
                learnt = step.mix(inputs.changed(next(stream), step.changes, size))
                targets = step.mix(self.train.targets[step.indices]).to(self.device)
                levels = self.train.levels[step.indices[: step.own]].to(self.device)
            with self.observer.phase("forward_backward"):
                value, right, stop = self._gradients(step, learnt, targets, levels, where)
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
        learnt: torch.Tensor,
        targets: torch.Tensor,
        levels: torch.Tensor,
        where: str,
    ) -> tuple[float, float, bool]:
        """The batch's mean loss, its right answers, and whether any process is told to stop.

        This process's part of the gradient is left in the model.
        """
        settings, learner = self.settings, self.learner

        def work(count: int) -> tuple[float, int]:
            self.progress.optimizer.zero_grad()
            value, right = 0.0, 0
            for part, target, truth in zip(
                learnt.tensor_split(count),
                targets.tensor_split(count),
                levels.tensor_split(count),
                strict=True,
            ):
                with settings.precision(self.device):
                    outputs = self.forward(part)
                loss = learner.criterion(outputs, target) * (len(target) / step.batch)
                value += loss.item()
                if math.isfinite(value):
                    loss.backward()
                answered = network.log_probabilities(outputs.float(), learner.counting.loss)
                right += int((answered.argmax(1) == truth).sum())
            return value, right

        value, right = self.progress.pieces.run(step.own, where, work)
        own = (value, right, self.should_stop())
        value, all_right, stop = self.group.total(own, self.device)
        if not math.isfinite(value):
            raise NotFinite(
                f"the loss is {value} at {where}; choose a smaller lr than {settings.lr:g}, "
                f"or a larger batch-size than {settings.batch_size}"
            )
        return value, all_right, bool(stop)

    def _judge(
        self, number: int, loss: float, accuracy: float, speed: float
    ) -> tuple[Epoch, torch.Tensor]:
        """The epoch's figures, and the log probabilities (n, classes) of the validation images."""
        self.observer.validating()
        with self.observer.phase("evaluation"):
            validation_loss, scores, log_probabilities = self.validation.judge()
        epoch = Epoch(
            number, loss, accuracy, validation_loss, scores.accuracy, scores.rmse,
            scores.within_one, speed,
        )  # fmt: skip
        return epoch, log_probabilities


def _last_good(progress: Progress, checkpoints: Checkpoints) -> str:
    if not progress.history:
        return "no epoch was finished before it"
    last = f"the last good epoch is {progress.history[-1].epoch}"
    return f"{last}, in {checkpoints.file}" if checkpoints.file.is_file() else last
