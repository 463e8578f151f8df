"""Train the network that counts: the script of the steps Tune and Train, in script mode.

Channels: `train` and `validation` (or `valid`), with one folder of images for each count;
`pretrained` (optional), with weights for the backbone; `test` may be there and is never read.
Model: model.pt, model.json, training.json, code/ and, with `--debug true`, debug_rules.json. Log:
one line of metrics after each epoch; the last line repeats the epoch that is kept. An interrupted
training resumes from the checkpoint in /opt/ml/checkpoints, if the platform created that folder.

By hand, outside a container: set SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION and SM_MODEL_DIR.
"""

from __future__ import annotations

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
from training import hyperparameters
from training.answering import write as answering
from training.data.channels import Channels
from training.data.datasets import TrainingSet, ValidationSet
from training.data.images import format_counts
from training.data.inputs import Inputs, Pixels, compute_features
from training.environment import Environment, TrainingError
from training.hyperparameters import Recipe
from training.loop.checkpoints import Checkpoints
from training.loop.fitting import Fitting
from training.machine import devices, distributed, memory
from training.model.learner import Network, build_learner, build_network, whole_state
from training.model.weights import WeightsUnavailable
from training.result import artifact, export, self_test_requests
from training.watch.profiling import profile_page
from training.watch.profiling.profiler import Profiler
from training.watch.tracking import Tracker
from training.watch.watcher import Watcher


def main(arguments: list[str] | None = None) -> int:
    """Train; report a problem that the user can fix in one line, without a traceback."""
    memory.keep_freed()
    previous_handler = signal.getsignal(signal.SIGTERM)
    environment = None
    try:
        environment = Environment.read(os.environ)
        recipe = hyperparameters.parse(arguments)
        with distributed.joined(os.environ, torch.cuda.is_available()) as group:
            if group.first:
                with Tracker(recipe.by_name(), os.environ) as tracker:
                    run(recipe, environment, tracker, group)
            else:
                run_as_worker(recipe, environment, group)
    except (TrainingError, WeightsUnavailable) as error:
        print(f"train: {error}", file=sys.stderr, flush=True)
        if environment:
            environment.write_failure(str(error))
        return 1
    finally:
        signal.signal(signal.SIGTERM, previous_handler)
    return 0


def run_as_worker(recipe: Recipe, environment: Environment, group: distributed.Group) -> None:
    """Train together with the first process, which alone prints, watches and writes."""
    recipe = recipe.model_copy(update={"debug": False, "profile": False, "stop_on_issue": False})
    with (
        tempfile.TemporaryDirectory() as scratch,
        Path(os.devnull).open("w") as devnull,
        redirect_stdout(devnull),
        Tracker({}, {}) as tracker,
    ):
        folder = Path(scratch)
        environment = dataclasses.replace(
            environment, model=folder, output=folder, checkpoints=folder / "none"
        )
        run(recipe, environment, tracker, group)


def run(
    recipe: Recipe, environment: Environment, tracker: Tracker, group: distributed.Group
) -> None:
    """Train, and write the model in the first process.

    Raises:
        TrainingError: the hyperparameters, the images or the machine do not allow it.
        WeightsUnavailable: there are no weights to start from.
    """
    started = time.monotonic()
    environment.make_model_folder()
    device = devices.choose(os.environ)
    if recipe.compile:
        devices.require_compiler(device, os.environ)
    devices.be_deterministic(recipe.seed)
    profiler = Profiler()
    watcher = Watcher(profiler, recipe, environment.output / "tensors", tracker)
    profiler.start()
    try:
        with profiler.phase("decoding"):
            channels = Channels.load(recipe, environment)
        with profiler.phase("model"):
            built = build_network(recipe, channels.levels, environment.channels.get("pretrained"))
        print(_describe(recipe, channels, device), flush=True)
        if recipe.label_noise != "off":
            with profiler.phase("label noise"):
                channels = _leave_out_suspects(
                    recipe, channels, built, device, group, environment.model
                )
        trained, inputs = _prepare_inputs(recipe, channels, built, device, profiler)
        learner = build_learner(trained, recipe, channels.levels, device, built.frozen)
        steps = math.ceil(len(channels.train) / recipe.batch_size) * recipe.epochs
        watcher.attach(learner.model, learner.criterion, steps)
        if recipe.profile:
            profiler.record(learner.model, steps, parts=not recipe.compile)
        outcome = Fitting(
            learner,
            TrainingSet.of(channels.train, inputs[0], channels.levels, recipe),
            ValidationSet.of(channels.validation, inputs[1], channels.levels, recipe),
            recipe, watcher, stop_signal(), device, group,
        ).run(Checkpoints(environment.checkpoints, _identity(recipe, channels)))  # fmt: skip
    finally:
        profile = profiler.stop()
    if outcome is None:
        return  # the first process writes
    epochs = len(outcome.history)
    if outcome.stopped:
        print(f"stopped by a signal; the best of {epochs} epochs is kept", flush=True)
    if outcome.issue:
        print(f"ended after epoch {epochs} of {recipe.epochs}: {outcome.issue}")
    model_dir = environment.model
    if recipe.profile:
        title = (
            f"{recipe.backbone} on {device}: {len(channels.train)} images at "
            f"{recipe.image_size} px, batch {recipe.batch_size}, {epochs} epochs"
        )
        speeds = [epoch.images_per_second for epoch in outcome.history]
        profile_page.write(model_dir / profile_page.NAME, title, profile, speeds)
    state = whole_state(built.model, outcome.state, only_head=recipe.freeze == -1)
    seconds = time.monotonic() - started
    artifact.write(model_dir, recipe, channels, state, outcome, profile.as_dict(), seconds)
    if recipe.decision == "auto":
        answering.parts(model_dir, recipe, channels, outcome)
    export.write(model_dir, channels.train, channels.validation, mode=recipe.export)
    if recipe.decision == "auto":
        answering.decide(model_dir, recipe, channels)
    if (recipe.export, recipe.decision) != ("none", "none"):  # a model to deploy, not a trial
        self_test_requests.write(model_dir, channels.validation)
    artifact.seal(model_dir)
    if recipe.debug:
        watcher.judge(model_dir / "debug_rules.json", profile, outcome)
    tracker.finish(model_dir, outcome)
    print(outcome.best.line(), flush=True)  # the job's last metrics are those of the model


def _describe(recipe: Recipe, channels: Channels, device: torch.device) -> str:
    return (
        f"{len(channels.train)} training and {len(channels.validation)} validation images of "
        f"{format_counts(channels.levels.classes)} items at {recipe.image_size} px; "
        f"{recipe.backbone} on {device}, {torch.get_num_threads()} threads, lr {recipe.lr:g}, "
        f"batch {recipe.batch_size}, {recipe.epochs} epochs"
    )


def _leave_out_suspects(
    recipe: Recipe,
    channels: Channels,
    built: Network,
    device: torch.device,
    group: distributed.Group,
    model_dir: Path,
) -> Channels:
    """Report probably wrong labels and, if requested, leave the worst out of the training."""
    from training.data import suspects  # cleanlab and matplotlib take seconds to import

    pixels = Pixels.of(channels.train, recipe, network.normalisation(recipe.backbone), device)
    features = compute_features(
        built.model, built.head, pixels, recipe.test_batch_size, recipe.precision
    )
    indices = suspects.indices_without_suspects(
        channels.train, features, recipe.label_noise == "leave-out", model_dir, recipe.seed
    )
    indices = group.from_first(indices)  # all processes train on the same images
    if len(indices) == len(channels.train):
        return channels  # without a second copy of the pixels
    return dataclasses.replace(channels, train=channels.train.only(indices))


def _prepare_inputs(
    recipe: Recipe, channels: Channels, built: Network, device: torch.device, profiler: Profiler
) -> tuple[nn.Module, list[Inputs]]:
    """The trained part, and both channels as its inputs: the whole network, or only its head."""
    colours = network.normalisation(recipe.backbone)
    images = [
        Pixels.of(channel, recipe, colours, device)
        for channel in (channels.train, channels.validation)
    ]
    if recipe.freeze != -1:
        return built.model, list[Inputs](images)
    with profiler.phase("features"):
        return nn.Sequential(built.head), [
            compute_features(
                built.model, built.head, pixels, recipe.test_batch_size, recipe.precision
            )
            for pixels in images
        ]


def _identity(recipe: Recipe, channels: Channels) -> dict[str, Any]:
    """All values that the trained weights depend on; a checkpoint must have the same."""
    return {
        **recipe.identity(),
        "classes": list(channels.train.classes),
        "training images by class": torch.bincount(channels.train.labels).tolist(),
        "validation images by class": torch.bincount(channels.validation.labels).tolist(),
    }


def stop_signal() -> Callable[[], bool]:
    """Handle SIGTERM, which SageMaker sends two minutes before it ends a job.

    From the first step on it does not end the process: the training ends with the best epoch so
    far, and a model that is being written is completed.

    Returns:
        A function that tells whether SIGTERM has arrived.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop.is_set


if __name__ == "__main__":
    sys.exit(main())
