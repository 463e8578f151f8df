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
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import network
import numpy
import torch
from torch import nn
from training import (
    artifact,
    calibration,
    data,
    distributed,
    environment,
    export,
    fitting,
    freezing,
    hyperparameters,
    lessons,
    losses,
    profile,
    tracking,
    weights,
)
from training.checkpoints import Checkpoints
from training.environment import Environment, TrainingError
from training.inputs import Inputs, features
from training.learner import learner_of, whole_state
from training.profiling import page
from training.settings import Settings
from training.watcher import Watcher


def main(arguments: list[str] | None = None) -> int:
    """Train, and say what went wrong without a traceback where the person can mend it."""
    places = environment.read(os.environ)
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
            places, model=folder, output=folder, output_data=folder, checkpoints=folder / "none"
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
    _be_deterministic(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_folder, validation_folder = places.channel("train"), places.channel("validation")
    profiler = profile.Profiler()
    profiler.start()
    try:
        with profiler.phase("decoding"):
            train = data.load(train_folder, options.image_size, options.num_workers)
            levels = lessons.levels(train, options.counts)
            validation = data.load(
                validation_folder, options.image_size, options.num_workers, levels.classes
            )
        lacking = set(range(len(levels.classes))) - set(validation.labels.tolist())
        if lacking:
            counts = data.listed(tuple(levels.classes[index] for index in sorted(lacking)))
            print(f"validation has no image of {counts} items; its accuracy leaves them out")
        with profiler.phase("model"):
            outputs, given = levels.outputs(options.loss), places.channels.get("pretrained")
            model = (
                weights.pretrained(options.backbone, outputs, given)
                if options.pretrained
                else network.build(options.backbone, outputs)
            )
            head = losses.add_head(model, options.loss, levels, options.dropout)
            frozen = freezing.first_parts(model, options.freeze, options.backbone)
            freezing.freeze(frozen)
        print(
            f"{len(train)} training and {len(validation)} validation images of "
            f"{data.listed(levels.classes)} items at {options.image_size} px; {options.backbone} "
            f"on {device}, {torch.get_num_threads()} threads, lr {options.lr:g}, "
            f"batch {options.batch_size}, {options.epochs} epochs",
            flush=True,
        )
        colours = network.normalisation(options.backbone)
        settings = Settings.of(options, device)
        if options.label_noise != "off":
            from training import suspects  # cleanlab and matplotlib take seconds to import

            with profiler.phase("label noise"):
                seen = features(
                    model, head, lessons.pixels(train, options, colours, device),
                    options.test_batch_size, settings.bfloat16,
                )  # fmt: skip
                leave_out = options.label_noise == "leave-out"
                kept = suspects.examine(train, seen, leave_out, places.model, options.seed)
                kept = group.from_first(kept)  # all processes learn from the same images
                if len(kept) < len(train):
                    train = train.only(kept)
        inputs: list[Inputs] = [
            lessons.pixels(images, options, colours, device) for images in (train, validation)
        ]
        trained = model
        if options.freeze == -1:
            with profiler.phase("features"):
                images_at_once = options.test_batch_size
                inputs = [
                    features(model, head, images, images_at_once, settings.bfloat16)
                    for images in inputs
                ]
            trained = nn.Sequential(head)
        learner = learner_of(trained, options, levels, device, frozen)
        watcher = Watcher(profiler, options, places.output / "tensors", tracker)
        steps = math.ceil(len(train) / options.batch_size) * options.epochs
        watcher.attach(learner.model, learner.criterion, steps)
        if options.profile:
            profiler.record(learner.model, steps, parts=not options.compile)
        with _stop_signal() as should_stop:
            outcome = fitting.fit(
                learner,
                lessons.lesson(train, inputs[0], levels, options),
                lessons.exam(validation, inputs[1], levels, options),
                settings, watcher, should_stop, device,
                Checkpoints(places.checkpoints, _identity(options, train, validation)), group,
            )  # fmt: skip
    finally:
        measured = profiler.stop()
    if outcome is None:
        return
    if outcome.stopped:
        print(f"stopped by a signal; the best of {len(outcome.history)} epochs is kept", flush=True)
    if outcome.issue:
        print(f"ended after epoch {len(outcome.history)} of {options.epochs}: {outcome.issue}")
    if options.profile:
        title = (
            f"{options.backbone} on {device}: {len(train)} images at {options.image_size} px, "
            f"batch {options.batch_size}, {len(outcome.history)} epochs"
        )
        speeds = [epoch.images_per_second for epoch in outcome.history]
        page.write(places.model / page.NAME, title, measured, speeds)
    state = whole_state(model, outcome.state, only_head=options.freeze == -1)
    temperature = calibration.temperature(outcome.answers, validation.labels)
    artifact.write(
        places.model, options, levels, state, temperature, outcome, measured, len(train),
        time.monotonic() - started,
    )  # fmt: skip
    export.write(places.model, train, validation, options.export)
    artifact.seal(places.model)
    if options.debug:
        watcher.judge(places.model / "debug_rules.json", measured, outcome)
    tracker.finish(places.model, outcome)
    print(outcome.best.line(), flush=True)  # the last metrics are the model's


def _identity(
    options: argparse.Namespace, train: data.Images, validation: data.Images
) -> dict[str, Any]:
    """What a checkpoint must agree in: everything that the numbers depend on."""
    hyperparameters = {name.replace("_", "-"): value for name, value in vars(options).items()}
    for name in ("num-workers", "profile", "export"):
        del hyperparameters[name]
    return {
        **hyperparameters,
        "classes": list(train.classes),
        "training images by class": torch.bincount(train.labels).tolist(),
        "validation images by class": torch.bincount(validation.labels).tolist(),
    }


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


if __name__ == "__main__":
    sys.exit(main())
