"""The epochs: train, validate, keep the best."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from training import data, optimisation
from training.checkpoints import Checkpoints
from training.environment import TrainingError
from training.memory import Pieces
from training.progress import Epoch, Progress

PROGRESS_SECONDS = 10.0


@dataclass(frozen=True)
class Settings:
    """What one training is told; names and defaults as in `train.py`'s arguments."""

    lr: float
    batch_size: int
    epochs: int
    test_batch_size: int
    weight_decay: float
    label_smoothing: float
    pretrained: bool
    seed: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """The weights of the best epoch, which one it was, and all of them in order.

    Attributes:
        stopped: a signal ended the training.
        issue: what a debug rule ended it for; empty where none did.
        resumed: the epoch after which this process went on; 0 where it began.
    """

    state: dict[str, torch.Tensor]
    best: Epoch
    history: list[Epoch]
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

    def issue(self) -> str:
        """What the training must end for, asked after each epoch; nothing while it may go on."""


def fit(
    model: nn.Module,
    criterion: nn.Module,
    train: data.Images,
    validation: data.Images,
    settings: Settings,
    observer: Observer,
    should_stop: Callable[[], bool],
    device: torch.device,
    checkpoints: Checkpoints,
) -> Outcome:
    """Train for the epochs asked for, or until told to stop; go on where a checkpoint is.

    A training that goes on takes the very steps that it would have taken without a break.

    Raises:
        TrainingError: the loss is no number, or the memory does not suffice.
    """
    if settings.batch_size > len(train):
        # A tuner that draws from a fixed range must not lose a trial to a small subset.
        print(
            f"batch-size {settings.batch_size} is larger than the {len(train)} training images: "
            "each epoch is one step over all of them"
        )
    model.to(device=device, memory_format=torch.channels_last)
    optimizer = optimisation.optimiser(
        model, settings.lr, settings.weight_decay, settings.pretrained
    )
    steps = math.ceil(len(train) / settings.batch_size) * settings.epochs
    scheduler = optimisation.schedule(optimizer, steps)
    generator = torch.Generator().manual_seed(settings.seed)
    progress = Progress(model, optimizer, scheduler, generator)
    resumed = _resume(progress, checkpoints, settings.epochs)
    pieces = Pieces()  # of validation's batches

    for number in range(resumed + 1, settings.epochs + 1):
        if progress.issue:
            break
        started = time.monotonic()
        observer.training()
        try:
            loss, accuracy, seen = _train_epoch(
                progress, criterion, train, settings, observer, should_stop, device, number
            )
            speed = seen / max(time.monotonic() - started, 1e-9)
            if should_stop() and progress.history:
                break  # an unfinished epoch is not judged when a finished one can be kept
            observer.validating()
            with observer.phase("evaluation"):
                scores = _validate(model, criterion, validation, settings, device, pieces)
        except NotFinite as error:
            raise TrainingError(f"{error}; {_last_good(progress, checkpoints)}") from None
        epoch = Epoch(number, loss, accuracy, *scores, speed)
        print(epoch.line(), flush=True)
        progress.add(epoch)
        if should_stop():
            break  # perhaps in the middle of the epoch, from where no checkpoint can go on
        progress.issue = observer.issue()
        checkpoints.save(number, progress.state())
    assert progress.best is not None
    return Outcome(
        progress.best_state, progress.best, progress.history, should_stop(), progress.issue, resumed
    )


class NotFinite(Exception):
    """A loss is no number; which one, and what to change."""


def _resume(progress: Progress, checkpoints: Checkpoints, epochs: int) -> int:
    """Take up a checkpoint, and show its epochs again: a new job's metrics lack them."""
    state = checkpoints.load()
    if state is None:
        return 0
    progress.restore(state)
    done = len(progress.history)
    print(f"resumed after epoch {done} of {epochs}; so far:", flush=True)
    for epoch in progress.history:
        print(epoch.line(), flush=True)
    return done


def _last_good(progress: Progress, checkpoints: Checkpoints) -> str:
    if not progress.history:
        return "no epoch was finished before it"
    last = f"the last good epoch is {progress.history[-1].epoch}"
    return f"{last}, in {checkpoints.file}" if checkpoints.file.is_file() else last


def _train_epoch(
    progress: Progress,
    criterion: nn.Module,
    images: data.Images,
    settings: Settings,
    observer: Observer,
    should_stop: Callable[[], bool],
    device: torch.device,
    number: int,
) -> tuple[float, float, int]:
    """One pass over the images: mean loss, accuracy, images seen."""
    model, generator = progress.model, progress.generator
    model.train()
    total, correct, seen = 0.0, 0, 0
    told = time.monotonic()
    in_epoch = math.ceil(len(images) / settings.batch_size)
    drawn = images.stream(data.batches(len(images), settings.batch_size, generator))
    for step in itertools.count(1):
        if should_stop():
            break
        where = f"step {step} of epoch {number}"
        with observer.phase("data"):
            batch, decoded = next(drawn, (None, None))
            if batch is None or decoded is None:
                break
            pixels = decoded.to(device).float().div_(255)
            pixels = data.normalise(data.augment(pixels, generator), settings.mean, settings.std)
            labels = images.labels[batch].to(device)

        def gradients(
            count: int, pixels: torch.Tensor = pixels, labels: torch.Tensor = labels
        ) -> tuple[float, int]:
            """The batch's mean loss and right answers; its gradient is left in the model."""
            progress.optimizer.zero_grad()
            value, right = 0.0, 0
            for part, truth in zip(
                pixels.tensor_split(count), labels.tensor_split(count), strict=True
            ):
                logits = model(part)
                loss = criterion(logits, truth) * (len(truth) / len(labels))
                value += loss.item()
                if math.isfinite(value):
                    loss.backward()
                right += int((logits.argmax(1) == truth).sum())
            return value, right

        with observer.phase("forward_backward"):
            value, right = progress.pieces.run(len(batch), where, gradients)
            if not math.isfinite(value):
                raise NotFinite(
                    f"the loss is {value} at {where}; choose a smaller lr than {settings.lr:g}, "
                    f"or a larger batch-size than {settings.batch_size}"
                )
            progress.optimizer.step()
            progress.scheduler.step()
        total += value * len(batch)
        correct += right
        seen += len(batch)
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            print(f"epoch {number}: step {step} of {in_epoch}, loss {total / seen:.3f}", flush=True)
    return total / max(seen, 1), correct / max(seen, 1), seen


def _validate(
    model: nn.Module,
    criterion: nn.Module,
    images: data.Images,
    settings: Settings,
    device: torch.device,
    pieces: Pieces,
) -> tuple[float, float, float]:
    """Loss, accuracy, and root mean square error of the expected count."""
    model.eval()
    counts = torch.tensor(images.classes, dtype=torch.float32)
    total, correct, squares = 0.0, 0, 0.0
    for batch, decoded in images.stream(torch.arange(len(images)).split(settings.test_batch_size)):
        labels = images.labels[batch]

        def forward(count: int, decoded: torch.Tensor = decoded) -> torch.Tensor:
            logits = []
            for part in decoded.tensor_split(count):
                pixels = part.to(device).float().div_(255)
                logits.append(model(data.normalise(pixels, settings.mean, settings.std)))
            return torch.cat(logits)

        with torch.no_grad():
            logits = pieces.run(len(batch), "validation", forward)
            total += criterion(logits, labels.to(device)).item() * len(batch)
        logits = logits.float().cpu()
        correct += int((logits.argmax(1) == labels).sum())
        expected = logits.softmax(1) @ counts
        squares += float(((expected - counts[labels]) ** 2).sum())
    if not math.isfinite(total):
        raise NotFinite(f"the validation loss is {total}; choose a smaller lr than {settings.lr:g}")
    return total / len(images), correct / len(images), math.sqrt(squares / len(images))
