"""Train the network that counts: the script of Tune and Train, in SageMaker's script mode.

Channels: `train` and `validation`, with one folder of images for each count; `pretrained`
(optional), with the backbone's weights. Model: model.pt, model.json, training.json, code/ and, with
`--debug true`, debug_rules.json. Log: one line of metrics for each epoch; the last line repeats the
epoch that was kept. A training that is interrupted goes on from the last epoch whose checkpoint is
in /opt/ml/checkpoints, where the platform made that folder.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import network
import numpy
import torch
from torch import nn
from training import data, environment, fitting, profile
from training.checkpoints import Checkpoints
from training.environment import Environment, TrainingError

if TYPE_CHECKING:
    from training.tensors import TensorHook

SHIPPED = ("inference.py", "network.py")


def main(arguments: list[str] | None = None) -> int:
    """Train, and say what went wrong without a traceback where the person can mend it."""
    places = environment.read(os.environ)
    try:
        run(parse(arguments), places)
    except (TrainingError, network.UnknownBackbone, network.WeightsUnavailable) as error:
        print(f"train: {error}", file=sys.stderr, flush=True)
        places.output.mkdir(parents=True, exist_ok=True)
        (places.output / "failure").write_text(str(error))
        return 1
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The hyperparameters."""
    parser = _Parser(description="Train the network that counts the items of a bin.")
    add = parser.add_argument
    add("--lr", type=_positive_number, default=0.01, help="learning rate at its peak, 0.001 to 0.1")
    add("--batch-size", type=_whole_number, default=32)
    add("--epochs", type=_whole_number, default=3)
    add("--test-batch-size", type=_whole_number, default=100, help="images at once in validation")
    add("--backbone", default=network.SHIPPED, help="a torchvision ResNet or a timm name")
    add("--image-size", type=_pixels, default=128, help="pixels, width and height")
    add("--pretrained", type=_true_or_false, default=True, help="start from ImageNet weights")
    add("--weight-decay", type=float, default=0.02)
    add("--label-smoothing", type=_share, default=0.1)
    add(
        "--num-workers",
        type=_whole_number,
        default=os.cpu_count() or 1,
        help="threads that decode images",
    )
    add("--seed", type=int, default=0)
    add("--debug", type=_true_or_false, default=False, help="save tensors, judge them by rules")
    add(
        "--stop-on-issue",
        type=_true_or_false,
        default=False,
        help="with debug: end after the epoch in which a rule finds an issue, with the best so far",
    )
    options = parser.parse_args(arguments)
    if options.stop_on_issue and not options.debug:
        parser.error("stop-on-issue needs the debug rules; set debug to true as well")
    return options


def run(options: argparse.Namespace, places: Environment) -> None:
    """The whole training.

    Raises:
        TrainingError: the job cannot be done as it was asked for.
        network.UnknownBackbone: there is no such network.
        network.WeightsUnavailable: there are no weights to start from.
    """
    started = time.monotonic()
    _be_deterministic(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_folder, validation_folder = places.channel("train"), places.channel("validation")
    given = places.channels.get("pretrained")
    profiler = profile.Profiler()
    profiler.start()
    try:
        with profiler.phase("model"):
            mean, std = network.normalisation(options.backbone)
        with profiler.phase("decoding"):
            train = data.load(train_folder, options.image_size, options.num_workers)
            validation = data.load(
                validation_folder, options.image_size, options.num_workers, train.classes
            )
        lacking = set(range(len(train.classes))) - set(validation.labels.tolist())
        if lacking:
            counts = data.listed(tuple(train.classes[index] for index in sorted(lacking)))
            print(f"validation has no image of {counts} items; its accuracy leaves them out")
        with profiler.phase("model"):
            model = network.build(options.backbone, len(train.classes), options.pretrained, given)
        print(
            f"{len(train)} training and {len(validation)} validation images of "
            f"{data.listed(train.classes)} items at {options.image_size} px; {options.backbone} on "
            f"{device}, {torch.get_num_threads()} threads, lr {options.lr:g}, "
            f"batch {options.batch_size}, {options.epochs} epochs",
            flush=True,
        )
        settings = fitting.Settings(
            options.lr, options.batch_size, options.epochs, options.test_batch_size,
            options.weight_decay, options.label_smoothing, options.pretrained, options.seed,
            mean, std,
        )  # fmt: skip
        criterion = nn.CrossEntropyLoss(label_smoothing=options.label_smoothing)
        watcher = _Watcher(profiler, options, places.output / "tensors")
        steps = math.ceil(len(train) / options.batch_size) * options.epochs
        watcher.attach(model, criterion, steps)
        with _stop_signal() as should_stop:
            outcome = fitting.fit(
                model, criterion, train, validation, settings, watcher, should_stop, device,
                Checkpoints(places.checkpoints, _identity(options, train, validation)),
            )  # fmt: skip
    finally:
        measured = profiler.stop()
    if outcome.stopped:
        print(f"stopped by a signal; the best of {len(outcome.history)} epochs is kept", flush=True)
    if outcome.issue:
        print(f"ended after epoch {len(outcome.history)} of {options.epochs}: {outcome.issue}")
    _write_model(places.model, options, train, outcome, measured, time.monotonic() - started)
    if options.debug:
        watcher.judge(places.model / "debug_rules.json", measured, outcome)
    print(outcome.best.line(), flush=True)  # the last metrics are the model's


class _Parser(argparse.ArgumentParser):
    """Argparse that leaves it to `main` how an error is told."""

    def error(self, message: str) -> NoReturn:
        raise TrainingError(f"hyperparameter refused: {message}")


class _Watcher:
    """Hands what the training tells to the profiler and, with debug, to the tensor hook."""

    def __init__(
        self, profiler: profile.Profiler, options: argparse.Namespace, folder: Path
    ) -> None:
        self.phase = profiler.phase
        self._debug: bool = options.debug
        self._stop_on_issue: bool = options.stop_on_issue
        self._folder = folder
        self._hook: TensorHook | None = None

    def attach(self, model: nn.Module, criterion: nn.Module, steps: int) -> None:
        if self._debug:
            from training.tensors import TensorHook  # smdebug takes seconds to import

            self._hook = TensorHook(self._folder, model, criterion, steps)

    def training(self) -> None:
        if self._hook:
            self._hook.training()

    def validating(self) -> None:
        if self._hook:
            self._hook.validating()

    def issue(self) -> str:
        if not (self._hook and self._stop_on_issue):
            return ""
        from training import rules

        with self.phase("rules"):
            verdicts = rules.judge_tensors(self._folder, self._hook.activation_inputs, ended=False)
        found = [verdict for verdict in verdicts if verdict.status == "IssuesFound"]
        return f"{found[0].rule} found that {found[0].reason}" if found else ""

    def judge(self, file: Path, measured: profile.Profile, outcome: fitting.Outcome) -> None:
        from training import rules

        assert self._hook is not None
        self._hook.close()
        verdicts = rules.judge(
            self._folder, self._hook.activation_inputs, measured, resumed=outcome.resumed
        )
        if outcome.issue:
            verdicts = rules.ended_by(verdicts, len(outcome.history))
        file.write_text(json.dumps([verdict.as_dict() for verdict in verdicts], indent=1))
        print(f"debug rules:\n{rules.table(verdicts)}", flush=True)


def _identity(
    options: argparse.Namespace, train: data.Images, validation: data.Images
) -> dict[str, Any]:
    """What a checkpoint must agree in: everything that the numbers depend on."""
    hyperparameters = {name.replace("_", "-"): value for name, value in vars(options).items()}
    del hyperparameters["num-workers"]
    return {
        **hyperparameters,
        "classes": list(train.classes),
        "training images by class": torch.bincount(train.labels).tolist(),
        "validation images by class": torch.bincount(validation.labels).tolist(),
    }


def _write_model(
    folder: Path,
    options: argparse.Namespace,
    train: data.Images,
    outcome: fitting.Outcome,
    measured: profile.Profile,
    seconds: float,
) -> None:
    """Everything that inference, evaluation and the report need."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    torch.save(outcome.state, folder / "model.pt")
    mean, std = network.normalisation(options.backbone)
    model = {
        "backbone": options.backbone,
        "image_size": options.image_size,
        "classes": list(train.classes),
        "mean": list(mean),
        "std": list(std),
    }
    training = {
        "hyperparameters": {name.replace("_", "-"): v for name, v in vars(options).items()},
        "history": [asdict(epoch) for epoch in outcome.history],
        "best_epoch": outcome.best.epoch,
        "stopped": outcome.stopped,
        "ended_for": outcome.issue,
        "resumed_after_epoch": outcome.resumed,
        "training_images": len(train),
        "seconds": round(seconds, 2),
        "torch": torch.__version__,
        "profile": measured.as_dict(),
    }
    (folder / "model.json").write_text(json.dumps(model, indent=1))
    (folder / "training.json").write_text(json.dumps(training, indent=1))
    for name in SHIPPED:
        shutil.copyfile(Path(__file__).parent / name, folder / "code" / name)


@contextmanager
def _stop_signal() -> Iterator[Callable[[], bool]]:
    """SageMaker sends SIGTERM two minutes before it ends a job; what is best by then is kept."""
    asked = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGTERM, before)


def _be_deterministic(seed: int) -> None:
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _whole_number(text: str) -> int:
    number = int(float(text))  # a tuner may write an integer as 32.0
    if number < 1 or number != float(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return number


def _pixels(text: str) -> int:
    number = _whole_number(text)
    if number < 32:
        raise argparse.ArgumentTypeError(f"{text} is too small for a network; at least 32 pixels")
    return number


def _positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return number


def _true_or_false(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{text} is neither true nor false")


if __name__ == "__main__":
    sys.exit(main())
