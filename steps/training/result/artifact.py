"""The model as it is handed over: weights, settings, code, and how the training went."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch

import network
from training.loop import fitting
from training.model.losses import Levels
from training.watch.profiling import profiler

SHIPPED = ("inference.py", "engine.py", "network.py", "photo.py", "pixels.py")
STEPS = Path(__file__).resolve().parents[2]


def write(
    folder: Path,
    options: argparse.Namespace,
    levels: Levels,
    state: dict[str, torch.Tensor],
    temperature: float,
    outcome: fitting.Outcome,
    measured: profiler.Profile,
    images: int,
    seconds: float,
) -> None:
    """Everything that inference, evaluation and the report need."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "model.pt")
    mean, std = network.normalisation(options.backbone)
    model = {
        "backbone": options.backbone,
        "image_size": options.image_size,
        "classes": list(levels.classes),
        "mean": list(mean),
        "std": list(std),
        "loss": options.loss,
        "outputs": levels.outputs(options.loss),
        "levels": list(levels.counts),
        "temperature": temperature,
        "mirrored": options.mirrored,
    }
    training = {
        "hyperparameters": {name.replace("_", "-"): v for name, v in vars(options).items()},
        "history": [asdict(epoch) for epoch in outcome.history],
        "best_epoch": outcome.best.epoch,
        "stopped": outcome.stopped,
        "ended_for": outcome.issue,
        "resumed_after_epoch": outcome.resumed,
        "training_images": images,
        "seconds": round(seconds, 2),
        "torch": torch.__version__,
        "profile": measured.as_dict(),
    }
    (folder / "model.json").write_text(json.dumps(model, indent=1))
    (folder / "training.json").write_text(json.dumps(training, indent=1))
    for name in SHIPPED:
        shutil.copyfile(STEPS / name, folder / "code" / name)


def seal(folder: Path) -> None:
    """Write into model.json the sha256 of every file that is loaded, when all of them are there."""
    settings = json.loads((folder / "model.json").read_text())
    settings["files"] = hashes(folder)
    (folder / "model.json").write_text(json.dumps(settings, indent=1))


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file of a model that is loaded, by its path in the folder."""
    loaded = [*sorted(folder.glob("model.*")), *sorted((folder / "code").glob("*.py"))]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in loaded
        if file.name != "model.json"
    }
