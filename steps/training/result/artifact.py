"""The files of a finished model: weights, settings, code, and the history of its training."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import model_code
import network
import self_test
from training.data.channels import Channels
from training.hyperparameters import Recipe
from training.loop.fitting import Outcome
from training.loop.temperature import fit_temperature

STEPS = Path(__file__).resolve().parents[2]


def write(
    folder: Path,
    recipe: Recipe,
    channels: Channels,
    state: dict[str, torch.Tensor],
    outcome: Outcome,
    profile: Mapping[str, Any],
    seconds: float,
) -> None:
    """Write the files that inference, evaluation and the report read.

    Args:
        folder: of the model.
        recipe: the hyperparameters.
        channels: the images of the training.
        state: weights of the whole network, on the CPU.
        outcome: result of the training loop.
        profile: figures of the profiler.
        seconds: duration of the training.
    """
    (folder / "code").mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "model.pt")
    levels = channels.levels
    labels = levels.labels(channels.validation.counts)
    temperature = fit_temperature(outcome.log_probabilities, labels)
    mean, std = network.normalisation(recipe.backbone)
    model = {
        "backbone": recipe.backbone,
        "image_size": recipe.image_size,
        "mean": list(mean),
        "std": list(std),
        "loss": recipe.loss,
        "outputs": levels.outputs(recipe.loss),
        **levels.settings,
        "temperature": temperature,
        "mirrored": recipe.mirrored,
    }
    training = {
        "hyperparameters": recipe.by_name(),
        "history": [asdict(epoch) for epoch in outcome.history],
        "best_epoch": outcome.best.epoch,
        "stopped": outcome.stopped,
        "ended_for": outcome.issue,
        "resumed_after_epoch": outcome.resumed,
        "training_images": len(channels.train),
        "seconds": round(seconds, 2),
        "torch": torch.__version__,
        "profile": profile,
    }
    (folder / "model.json").write_text(json.dumps(model, indent=1))
    (folder / "training.json").write_text(json.dumps(training, indent=1))
    for name in model_code.FILES:
        shutil.copyfile(STEPS / name, folder / "code" / name)
    names = {file.stem for images in (channels.train, channels.validation) for file in images.files}
    (folder / "learnt_from.txt").write_text("".join(f"{name}\n" for name in sorted(names)))


def seal(folder: Path) -> None:
    """Write the sha256 of every loadable file into model.json, once all of them exist."""
    settings = json.loads((folder / "model.json").read_text())
    settings["files"] = hashes(folder)
    (folder / "model.json").write_text(json.dumps(settings, indent=1))


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every loadable file of a model, by its path in the folder."""
    loadable = [
        *sorted(folder.glob("model.*")),
        *sorted((folder / "code").glob("*.py")),
        *sorted((folder / self_test.FOLDER).glob("*")),
    ]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in loadable
        if file.name != "model.json"
    }
