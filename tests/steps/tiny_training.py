"""Helpers for the tests of training: drawn images, a tiny network, the log's lines."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import nn

import network
from training import hyperparameters
from training.data.channels import choose_levels
from training.data.datasets import TrainingSet, ValidationSet
from training.data.images import load_images
from training.data.inputs import Pixels
from training.loop import fitting
from training.loop.checkpoints import Checkpoints
from training.loop.epoch import Epoch
from training.machine.distributed import Group
from training.model.learner import build_learner

REPOSITORY = Path(__file__).parents[2]
STEPS = REPOSITORY / "steps"
TRAINING_IMAGE = REPOSITORY / "containers" / "tally-training"
TINY = "test_efficientnet"  # timm's smallest
METRICS = re.compile(
    r"epoch=(\d+) train_loss=([0-9.]+) train_accuracy=([0-9.]+) validation_loss=([0-9.]+) "
    r"validation_accuracy=([0-9.]+) validation_rmse=([0-9.]+) "
    r"validation_within_one=([0-9.]+) images_per_second=([0-9.]+)"
)


def bin_image(count: int, number: int) -> Image.Image:
    image = Image.new("RGB", (64, 48), (120 + number % 9, 110, 100))
    draw = ImageDraw.Draw(image)
    for item in range(count):
        left = 4 + 11 * item + number % 3
        draw.rectangle((left, 8 + number % 5, left + 8, 40), fill=(230, 220 - 9 * item, 60))
    return image


def channel(folder: Path, each: int, counts: tuple[int, ...] = (1, 3, 5)) -> Path:
    for count in counts:
        (folder / str(count)).mkdir(parents=True)
        for number in range(each):
            bin_image(count, number).save(folder / str(count) / f"{number:05}.jpg")
    return folder


def options(**changes: object) -> list[str]:
    """Arguments of a small training, without what takes longer: decision, export and profile."""
    values = {
        "backbone": TINY, "pretrained": "false", "image-size": 32, "batch-size": 8, "epochs": 2,
        "lr": 0.1, "num-workers": 2, "profile": "false", "export": "none",
        "decision": "none",
        **{name.replace("_", "-"): v for name, v in changes.items()},
    }  # fmt: skip
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


def read(root: Path, name: str) -> Any:
    return json.loads((root / "model" / name).read_text())


class Quiet:
    """An observer that does nothing but act in the middle of training."""

    def __init__(self, at: int, act: Callable[[], object]) -> None:
        self.left, self.act = at, act

    def phase(self, name: str) -> AbstractContextManager[None]:
        if name == "forward_backward":
            self.left -= 1
            if self.left == 0:
                self.act()
        return nullcontext()

    def start_training(self) -> None:
        pass

    def start_validation(self) -> None:
        pass

    def add_epoch(self, epoch: Epoch) -> None:
        pass

    def issue(self) -> str:
        return ""


def fit(
    model: nn.Module,
    images: Path,
    observer: Quiet,
    epochs: int = 2,
    checkpoints: Checkpoints | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **changes: object,
) -> fitting.Outcome:
    """Train a network on both channels of a folder, in this process."""
    device = torch.device("cpu")
    recipe = hyperparameters.parse(options(
        loss="cross-entropy", ema=0, label_smoothing=0, mirrored="false", lr=0.01, epochs=epochs,
        test_batch_size=12, **changes,
    ))  # fmt: skip
    channels = {name: load_images(images / name, 32, 2) for name in ("train", "validation")}
    levels = choose_levels(channels["train"], None)
    colours = (network.IMAGENET_MEAN, network.IMAGENET_STD)
    inputs = {name: Pixels.of(found, recipe, colours, device) for name, found in channels.items()}
    outcome = fitting.Fitting(
        build_learner(model, recipe, levels, device, []),
        TrainingSet.of(channels["train"], inputs["train"], levels, recipe),
        ValidationSet.of(channels["validation"], inputs["validation"], levels, recipe),
        recipe, observer, should_stop, device, Group(),
    ).run(checkpoints or Checkpoints(images / "none", {}))  # fmt: skip
    assert outcome is not None
    return outcome
