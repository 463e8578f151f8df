"""The epochs: train, validate, keep the best."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Protocol

import torch
from torch import nn

from training import data, optimisation
from training.environment import TrainingError

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
class Epoch:
    """What one epoch reached. Losses are cross-entropies in nats, the error is in items."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_rmse: float
    images_per_second: float

    def line(self) -> str:
        """The log line that metric definitions read; never with an exponent."""
        values = [f"{name}={value:.4f}" for name, value in asdict(self).items() if name != "epoch"]
        return f"epoch={self.epoch} {' '.join(values)}"

    def better_than(self, other: Epoch | None) -> bool:
        """More accurate on validation; the lower loss where they are equally accurate."""
        if other is None:
            return True
        return (self.validation_accuracy, -self.validation_loss) > (
            other.validation_accuracy,
            -other.validation_loss,
        )


@dataclass
class Outcome:
    """The weights of the best epoch, which one it was, and all of them in order."""

    state: dict[str, torch.Tensor]
    best: Epoch
    history: list[Epoch]
    stopped: bool


class Observer(Protocol):
    """What watches a training: the profiler's phases and the debug hook's modes."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Time what happens inside as part of `name`."""

    def training(self) -> None:
        """What follows is training."""

    def validating(self) -> None:
        """What follows is validation."""


def fit(
    model: nn.Module,
    criterion: nn.Module,
    train: data.Images,
    validation: data.Images,
    settings: Settings,
    observer: Observer,
    should_stop: Callable[[], bool],
    device: torch.device,
) -> Outcome:
    """Train for the epochs asked for, or until told to stop.

    Checkpoints would be written and read here, after each epoch and before the first.

    Raises:
        TrainingError: the loss is no number.
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

    best: Epoch | None = None
    state: dict[str, torch.Tensor] = {}
    history: list[Epoch] = []
    for number in range(1, settings.epochs + 1):
        started = time.monotonic()
        observer.training()
        loss, accuracy, seen = _train_epoch(
            model, criterion, train, settings, observer, should_stop, device,
            optimizer, scheduler, generator, number,
        )  # fmt: skip
        speed = seen / max(time.monotonic() - started, 1e-9)
        if should_stop() and history:
            break  # an unfinished epoch is not judged when a finished one can be kept
        observer.validating()
        with observer.phase("evaluation"):
            scores = _validate(model, criterion, validation, settings, device)
        epoch = Epoch(number, loss, accuracy, *scores, speed)
        print(epoch.line(), flush=True)
        history.append(epoch)
        if epoch.better_than(best):
            best = epoch
            state = copy.deepcopy({k: v.cpu() for k, v in model.state_dict().items()})
        if should_stop():
            break
    assert best is not None
    return Outcome(state, best, history, stopped=should_stop())


def _train_epoch(
    model: nn.Module,
    criterion: nn.Module,
    images: data.Images,
    settings: Settings,
    observer: Observer,
    should_stop: Callable[[], bool],
    device: torch.device,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
    generator: torch.Generator,
    number: int,
) -> tuple[float, float, int]:
    """One pass over the images: mean loss, accuracy, images seen."""
    model.train()
    total, correct, seen = 0.0, 0, 0
    told = time.monotonic()
    in_epoch = math.ceil(len(images) / settings.batch_size)
    for step, batch in enumerate(
        data.batches(len(images), settings.batch_size, generator), start=1
    ):
        if should_stop():
            break
        with observer.phase("data"):
            pixels = images.pixels[batch].to(device).float().div_(255)
            pixels = data.normalise(data.augment(pixels, generator), settings.mean, settings.std)
            labels = images.labels[batch].to(device)
        with observer.phase("forward_backward"):
            optimizer.zero_grad()
            logits = model(pixels)
            loss = criterion(logits, labels)
            value = loss.item()
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss is {value} at step {step} of epoch {number}; choose a smaller lr "
                    f"than {settings.lr:g}, or a larger batch-size than {settings.batch_size}"
                )
            loss.backward()
            optimizer.step()
            scheduler.step()
        total += value * len(batch)
        correct += int((logits.argmax(1) == labels).sum())
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
) -> tuple[float, float, float]:
    """Loss, accuracy, and root mean square error of the expected count."""
    model.eval()
    counts = torch.tensor(images.classes, dtype=torch.float32)
    total, correct, squares = 0.0, 0, 0.0
    with torch.no_grad():
        for batch in torch.arange(len(images)).split(settings.test_batch_size):
            pixels = images.pixels[batch].to(device).float().div_(255)
            logits = model(data.normalise(pixels, settings.mean, settings.std))
            labels = images.labels[batch]
            total += criterion(logits, labels.to(device)).item() * len(batch)
            logits = logits.float().cpu()
            correct += int((logits.argmax(1) == labels).sum())
            expected = logits.softmax(1) @ counts
            squares += float(((expected - counts[labels]) ** 2).sum())
    if not math.isfinite(total):
        raise TrainingError(
            f"the validation loss is {total}; choose a smaller lr than {settings.lr:g}"
        )
    return total / len(images), correct / len(images), math.sqrt(squares / len(images))
