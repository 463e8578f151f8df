"""Train the network that counts: the script of Tune and Train, in SageMaker's script mode.

Channels: `train` and `validation`, with one folder of images for each count; `pretrained`
(optional), with the backbone's weights. Model: model.pt, model.json, training.json, code/ and, with
`--debug true`, debug_rules.json. Log: one line of metrics for each epoch; the last line repeats the
epoch that was kept. A training that is interrupted goes on from the last epoch whose checkpoint is
in /opt/ml/checkpoints, where the platform made that folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import nn

import network
from training import environment, hyperparameters
from training.data.channels import Channels
from training.data.datasets import TrainingSet, ValidationSet
from training.data.images import Images, format_counts
from training.data.inputs import Inputs, Pixels, features
from training.environment import Environment, TrainingError
from training.loop import fitting
from training.loop.checkpoints import Checkpoints
from training.loop.settings import Settings
from training.loop.temperature import fit_temperature
from training.machine import devices, distributed, memory
from training.model import freezing, losses, weights
from training.model.learner import Learner, learner_of, whole_state
from training.result import artifact, export
from training.watch import tracking
from training.watch.profiling import profile_page
from training.watch.profiling import profiler as profile
from training.watch.watcher import Watcher


def main(arguments: list[str] | None = None) -> int:
    """Train, and say what went wrong without a traceback where the person can mend it."""
    places = environment.read(os.environ)
    memory.keep_freed()
    before = signal.getsignal(signal.SIGTERM)
    try:
        options = hyperparameters.parse(arguments)
        with distributed.joined(os.environ, torch.cuda.is_available()) as group:
            if group.first:
                with tracking.Tracker(vars(options), os.environ) as tracker:
                    run(options, places, tracker, group)
            else:
                _help(options, places, group)
    except (TrainingError, network.UnknownBackbone, weights.WeightsUnavailable) as error:
        print(f"train: {error}", file=sys.stderr, flush=True)
        places.output.mkdir(parents=True, exist_ok=True)
        (places.output / "failure").write_text(str(error))
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _help(options: argparse.Namespace, places: Environment, group: distributed.Group) -> None:
    """Train along with the first process, which alone prints, watches and writes."""
    options.debug = options.profile = options.stop_on_issue = False
    with (
        tempfile.TemporaryDirectory() as aside,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        tracking.Tracker(vars(options), {}) as tracker,
    ):
        folder = Path(aside)
        elsewhere = dataclasses.replace(
            places, model=folder, output=folder, checkpoints=folder / "none"
        )
        run(options, elsewhere, tracker, group)


def run(
    options: argparse.Namespace,
    places: Environment,
    tracker: tracking.Tracker,
    group: distributed.Group,
) -> None:
    """The whole training.

    Raises:
        TrainingError: the job cannot be done as it was asked for.
        network.UnknownBackbone: there is no such network.
        weights.WeightsUnavailable: there are no weights to start from.
    """
    started = time.monotonic()
    device = devices.choose(os.environ)
    if options.compile:
        devices.require_compiler(device, os.environ)
    devices.be_deterministic(options.seed)
    settings = Settings.of(options, device)
    profiler = profile.Profiler()
    watcher = Watcher(profiler, options, places.output / "tensors", tracker)
    profiler.start()
    try:
        with profiler.phase("decoding"):
            channels = Channels.load(options, places)
        with profiler.phase("model"):
            built = _build(options, channels.levels, places.channels.get("pretrained"))
        print(_intention(options, channels, device), flush=True)
        if options.label_noise != "off":
            with profiler.phase("label noise"):
                kept = _unsuspected(options, channels.train, built, settings, device, places.model)
                kept = group.from_first(kept)  # all processes learn from the same images
                if len(kept) < len(channels.train):  # else the pixels would be there twice
                    channels = dataclasses.replace(channels, train=channels.train.only(kept))
        learner, inputs = _prepare(options, channels, built, settings, device, profiler)
        steps = math.ceil(len(channels.train) / options.batch_size) * options.epochs
        watcher.attach(learner.model, learner.criterion, steps)
        if options.profile:
            profiler.record(learner.model, steps, parts=not options.compile)
        outcome = fitting.Fitting(
            learner,
            TrainingSet.of(channels.train, inputs[0], channels.levels, options),
            ValidationSet.of(channels.validation, inputs[1], channels.levels, options),
            settings, watcher, stop_signal(), device, group,
        ).run(Checkpoints(places.checkpoints, _identity(options, channels)))  # fmt: skip
    finally:
        measured = profiler.stop()
    if outcome is None:
        return  # the first process writes
    if outcome.stopped:
        print(f"stopped by a signal; the best of {len(outcome.history)} epochs is kept", flush=True)
    if outcome.issue:
        print(f"ended after epoch {len(outcome.history)} of {options.epochs}: {outcome.issue}")
    if options.profile:
        title = (
            f"{options.backbone} on {device}: {len(channels.train)} images at "
            f"{options.image_size} px, batch {options.batch_size}, {len(outcome.history)} epochs"
        )
        speeds = [epoch.images_per_second for epoch in outcome.history]
        profile_page.write(places.model / profile_page.NAME, title, measured, speeds)
    _write(options, places.model, channels, built.model, outcome, measured, started)
    if options.debug:
        watcher.judge(places.model / "debug_rules.json", measured, outcome)
    tracker.finish(places.model, outcome)
    print(outcome.best.line(), flush=True)  # the last metrics are the model's


@dataclasses.dataclass(frozen=True)
class Built:
    """The network, its last layer, and the parts of it that stay as they are."""

    model: nn.Module
    head: nn.Module
    frozen: list[nn.Module]


def _build(options: argparse.Namespace, levels: losses.Levels, given: Path | None) -> Built:
    outputs = levels.outputs(options.loss)
    if options.pretrained:
        model = weights.pretrained(options.backbone, outputs, given)
    else:
        model = network.build(options.backbone, outputs)
    head = losses.add_head(model, options.loss, levels, options.dropout)
    frozen = freezing.first_parts(model, options.freeze, options.backbone)
    freezing.freeze(frozen)
    return Built(model, head, frozen)


def _intention(options: argparse.Namespace, channels: Channels, device: torch.device) -> str:
    return (
        f"{len(channels.train)} training and {len(channels.validation)} validation images of "
        f"{format_counts(channels.levels.classes)} items at {options.image_size} px; "
        f"{options.backbone} on {device}, {torch.get_num_threads()} threads, lr {options.lr:g}, "
        f"batch {options.batch_size}, {options.epochs} epochs"
    )


def _unsuspected(
    options: argparse.Namespace,
    train: Images,
    built: Built,
    settings: Settings,
    device: torch.device,
    folder: Path,
) -> torch.Tensor:
    """Look for wrong labels; indices of the images to learn from."""
    from training.data import suspects  # cleanlab and matplotlib take seconds to import

    images = Pixels.of(train, options, network.normalisation(options.backbone), device)
    at_once = options.test_batch_size
    seen = features(built.model, built.head, images, at_once, settings.bfloat16)
    return suspects.examine(train, seen, options.label_noise == "leave-out", folder, options.seed)


def _prepare(
    options: argparse.Namespace,
    channels: Channels,
    built: Built,
    settings: Settings,
    device: torch.device,
    profiler: profile.Profiler,
) -> tuple[Learner, list[Inputs]]:
    """What is trained, and both channels as it sees them: the whole network, or its head alone."""
    colours = network.normalisation(options.backbone)
    images = [
        Pixels.of(channel, options, colours, device)
        for channel in (channels.train, channels.validation)
    ]
    trained, inputs = built.model, list[Inputs](images)
    if options.freeze == -1:
        trained, at_once = nn.Sequential(built.head), options.test_batch_size
        with profiler.phase("features"):
            inputs = [
                features(built.model, built.head, channel, at_once, settings.bfloat16)
                for channel in images
            ]
    return learner_of(trained, options, channels.levels, device, built.frozen), inputs


def _write(
    options: argparse.Namespace,
    folder: Path,
    channels: Channels,
    model: nn.Module,
    outcome: fitting.Outcome,
    measured: profile.Profile,
    started: float,
) -> None:
    """The model with all that belongs to it, sealed."""
    state = whole_state(model, outcome.state, only_head=options.freeze == -1)
    temperature = fit_temperature(outcome.log_probabilities, channels.validation.labels)
    artifact.write(
        folder, options, channels.levels, state, temperature, outcome, measured,
        len(channels.train), time.monotonic() - started,
    )  # fmt: skip
    seen = {file.stem for each in (channels.train, channels.validation) for file in each.files}
    (folder / "learnt_from.txt").write_text("".join(f"{name}\n" for name in sorted(seen)))
    export.write(folder, channels.train, channels.validation, options.export)
    artifact.seal(folder)


def _identity(options: argparse.Namespace, channels: Channels) -> dict[str, Any]:
    """What a checkpoint must agree in: everything that the numbers depend on."""
    hyperparameters = {name.replace("_", "-"): value for name, value in vars(options).items()}
    for name in ("num-workers", "profile", "export"):
        del hyperparameters[name]
    return {
        **hyperparameters,
        "classes": list(channels.train.classes),
        "training images by class": torch.bincount(channels.train.labels).tolist(),
        "validation images by class": torch.bincount(channels.validation.labels).tolist(),
    }


def stop_signal() -> Callable[[], bool]:
    """Whether SIGTERM has come; SageMaker sends it two minutes before it ends a job.

    From the first step on it ends nothing by itself: what is best by then is kept, and a model that
    is being written is written to its end.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop.is_set


if __name__ == "__main__":
    sys.exit(main())
