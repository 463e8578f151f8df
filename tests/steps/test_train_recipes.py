"""Whole trainings with other than the usual settings."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import network
import served_network
import train
from counts import Classes
from tests.steps.tiny_training import METRICS, TINY, channel, options, read
from training.data import augmentation, channels
from training.data.images import load_images, normalise
from training.loop import optimisation
from training.loop.checkpoints import Checkpoints

pytestmark = pytest.mark.usefixtures("one_thread")


def answers(root: Path, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities by the model that was written, built as inference builds it."""
    settings = read(root, "model.json")
    built = network.build(settings["backbone"], settings["outputs"])
    state = torch.load(root / "model" / "model.pt", weights_only=True)
    counting = served_network.build(state, settings, built).counting
    images = load_images(folder, settings["image_size"], 1, Classes(tuple(settings["classes"])))
    assert isinstance(images.pixels, torch.Tensor)
    pixels = normalise(images.pixels.float() / 255, tuple(settings["mean"]), tuple(settings["std"]))
    with torch.no_grad():
        probabilities = counting(pixels)
    return probabilities, images.labels


@pytest.mark.parametrize(
    "loss", ["soft-ordinal", "cross-entropy", "coral", "corn", "expected-count"]
)
def test_the_written_model_gives_the_validated_answers(opt: Path, loss: str) -> None:
    assert train.main(options(loss=loss, epochs=3, label_smoothing=0)) == 0
    settings, training = read(opt, "model.json"), read(opt, "training.json")
    assert settings["loss"] == loss
    assert settings["outputs"] == (2 if loss in ("coral", "corn") else 3)
    assert settings["levels"] == settings["classes"] == [1, 3, 5]
    probabilities, right = answers(opt, opt / "input" / "data" / "validation")
    accuracy = float((probabilities.argmax(1) == right).float().mean())
    best = training["history"][training["best_epoch"] - 1]
    assert accuracy == pytest.approx(best["validation_accuracy"])
    counts = torch.tensor(settings["classes"], dtype=torch.float32)
    off = probabilities @ counts - counts[right]
    assert float((off**2).mean().sqrt()) == pytest.approx(best["validation_rmse"], abs=1e-4)
    assert 0.25 <= settings["temperature"] <= 4
    assert settings["mirrored"] is True


def test_the_written_model_has_the_validated_loss(opt: Path) -> None:
    chosen = {"loss": "cross-entropy", "label_smoothing": 0, "mirrored": "false"}
    assert train.main(options(**chosen, epochs=3)) == 0
    temperature, training = read(opt, "model.json")["temperature"], read(opt, "training.json")
    probabilities, right = answers(opt, opt / "input" / "data" / "validation")
    plain = (probabilities.log() * temperature).log_softmax(1)
    best = training["history"][training["best_epoch"] - 1]
    loss = float(torch.nn.functional.nll_loss(plain, right))
    assert loss == pytest.approx(best["validation_loss"], abs=1e-4)


def test_other_counts_are_trained_on_and_never_answered(
    opt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    channel(opt / "input" / "data" / "train", 6, counts=(0, 2, 4, 6, 9, 12))
    channel(opt / "input" / "data" / "validation", 2, counts=(2, 4))
    assert train.main(options(counts="1-5", epochs=1)) == 0
    settings = read(opt, "model.json")
    assert settings["classes"] == [1, 2, 3, 4, 5]
    assert settings["levels"] == list(range(10))
    assert settings["outputs"] == 10
    probabilities, _ = answers(opt, opt / "input" / "data" / "validation")
    assert probabilities.shape == (16, 5)
    assert "72 training and 16 validation images of 1, 2, 3, 4, 5 items" in capsys.readouterr().out


def test_counts_without_training_images_are_never_answered(
    opt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(options(counts="1-4", epochs=1)) == 1
    assert "validation has 1, 3, 5" in capsys.readouterr().err
    found = load_images(opt / "input" / "data" / "train", 32, 1)
    assert channels.choose_levels(found, Classes.parse("1-4")).classes == (1, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"mixup": 0.2, "augment": "standard", "balanced": "true", "dropout": 0.2},
        {"precision": "bfloat16"},
        {"growing": "true", "image_size": 96, "epochs": 3},
        {"ema": 0, "mirrored": "false", "schedule": "constant"},
    ],
    ids=["long-training", "bfloat16", "growing", "plain"],
)
def test_a_recipe_is_repeatable_and_resumes_bit_for_bit(
    opt: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
) -> None:
    (opt / "checkpoints").mkdir()
    assert train.main(options(**changes)) == 0
    lines = [found[:6] for found in METRICS.findall(capsys.readouterr().out)]
    weights = torch.load(opt / "model" / "model.pt", weights_only=True)
    (opt / "checkpoints" / "checkpoint.pt").unlink()

    save = Checkpoints.save

    def save_and_die(checkpoints: Checkpoints, epoch: int, state: dict[str, Any]) -> None:
        save(checkpoints, epoch, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Checkpoints, "save", save_and_die)
        train.main(options(**changes))
    capsys.readouterr()
    assert train.main(options(**changes)) == 0
    printed = capsys.readouterr().out
    assert "resumed after epoch 1" in printed
    assert [found[:6] for found in METRICS.findall(printed)] == lines
    again = torch.load(opt / "model" / "model.pt", weights_only=True)
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_images_grow_after_the_first_epochs(opt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, apply = list[int](), augmentation.apply

    def applied(pixels: torch.Tensor, changes: torch.Tensor) -> torch.Tensor:
        seen.append(pixels.shape[-1])
        return apply(pixels, changes)

    monkeypatch.setattr(augmentation, "apply", applied)
    assert train.main(options(growing="true", image_size=96, epochs=3)) == 0
    steps = len(seen) // 3
    assert seen == [64] * steps + [96] * 2 * steps


def test_large_gradients_are_clipped(opt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    norms, step = list[float](), torch.optim.AdamW.step

    def stepped(optimizer: torch.optim.AdamW, *more: Any) -> Any:
        gradients = [
            weight.grad
            for group in optimizer.param_groups
            for weight in group["params"]
            if weight.grad is not None
        ]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))
        return step(optimizer, *more)

    monkeypatch.setattr(torch.optim.AdamW, "step", stepped)
    monkeypatch.setattr(optimisation, "LARGEST_GRADIENT", 1e-3)
    assert train.main(options(epochs=1)) == 0
    assert norms
    assert max(norms) == pytest.approx(1e-3, rel=0.01)


@pytest.mark.skipif(
    not shutil.which(os.environ.get("CXX") or "g++"),
    reason="torch.compile needs a C++ compiler on a processor, and this machine has none",
)
@pytest.mark.slow  # the compiler takes a minute
def test_a_compiled_network_trains_like_a_plain_one(opt: Path) -> None:
    histories = []
    for compiled in ("false", "true"):
        assert train.main(options(compile=compiled, epochs=1, dropout=0)) == 0
        histories.append(read(opt, "training.json")["history"][0])
    plain, compiled = histories
    for name in ("train_loss", "validation_loss", "validation_rmse"):
        assert compiled[name] == pytest.approx(plain[name], rel=1e-2), name
    state = torch.load(opt / "model" / "model.pt", weights_only=True)
    served_network.build(state, read(opt, "model.json"), network.build(TINY, 3))


def test_model_json_lists_every_loadable_file(opt: Path) -> None:
    assert train.main(options(epochs=1)) == 0
    files = read(opt, "model.json")["files"]
    assert {"model.pt", "code/network.py", "code/inference.py"} <= set(files)
    for name, expected in files.items():
        found = hashlib.sha256((opt / "model" / name).read_bytes()).hexdigest()
        assert found == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze": 40}, f"freeze is 40, but {TINY} has 5 stages"),
        ({"batch-size": 1}, "a batch needs at least 2 images"),
        ({"counts": "7-9"}, "counts is 7-9, but the channel train has images of 1, 3, 5 items"),
    ],
    ids=["stages", "batch", "counts"],
)
def test_values_that_do_not_fit_the_network_or_the_images_are_refused(
    opt: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], message: str
) -> None:
    assert train.main(options(**changes)) == 1
    assert message in capsys.readouterr().err
