"""The model as it is handed over: weights, settings, code, and how the training went."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import network
import torch

from training import data, fitting, profile

SHIPPED = ("inference.py", "engine.py", "network.py", "pixels.py")
STEPS = Path(__file__).resolve().parent.parent


def write(
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
        shutil.copyfile(STEPS / name, folder / "code" / name)
