"""Trainings that are killed, run out of memory, diverge or are ended by a rule."""

import math
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import train
from tests.steps.tiny_training import METRICS, STEPS, Quiet, fit, options, read
from training.environment import TrainingError
from training.loop.checkpoints import Checkpoints
from training.machine import memory

pytestmark = pytest.mark.usefixtures("one_thread")


def lines(printed: str) -> list[tuple[str, ...]]:
    """The epochs in a log, without their speed."""
    return [found[:6] for found in METRICS.findall(printed)]


def numbers(root: Path) -> list[dict[str, float]]:
    history = read(root, "training.json")["history"]
    return [{k: v for k, v in epoch.items() if k != "images_per_second"} for epoch in history]


@pytest.fixture
def checkpoint(opt: Path) -> Path:
    """Where the checkpoint will be; the platform makes its folder."""
    (opt / "checkpoints").mkdir()
    return opt / "checkpoints" / "checkpoint.pt"


def test_a_killed_training_resumes_without_a_difference(
    opt: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = options(epochs=3, batch_size=3)  # slow enough to be killed in time
    assert train.main(slow) == 0
    whole = lines(capsys.readouterr().out)
    expected, weights = numbers(opt), torch.load(opt / "model" / "model.pt", weights_only=True)
    checkpoint.unlink()

    arguments = [sys.executable, str(STEPS / "train.py"), *slow]
    saved = re.compile(rf"checkpoint of epoch 1: [0-9.]+ MB in {re.escape(str(checkpoint))}")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if saved.match(line):
                process.kill()  # in the middle of the second epoch
    assert process.returncode == -signal.SIGKILL

    assert train.main(slow) == 0
    printed = capsys.readouterr().out
    assert re.search(r"resumed after epoch [12] of 3", printed)
    assert lines(printed) == whole
    assert numbers(opt) == expected
    again = torch.load(opt / "model" / "model.pt", weights_only=True)
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert read(opt, "training.json")["resumed_after_epoch"] in (1, 2)


def test_a_finished_training_writes_its_model_again(
    opt: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(options(epochs=2)) == 0
    first = lines(capsys.readouterr().out)
    assert train.main(options(epochs=2, num_workers=1)) == 0
    printed = capsys.readouterr().out
    assert "resumed after epoch 2 of 2" in printed
    assert lines(printed) == first


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lr": 0.05}, "belongs to another training: lr is 0.1 there and 0.05 here"),
        ({"batch_size": 6}, "batch-size is 8 there and 6 here"),
        ({"seed": 1}, "seed is 0 there and 1 here"),
    ],
    ids=["another-trial", "another-batch-size", "another-seed"],
)
def test_the_checkpoint_of_another_training_is_ignored(
    opt: Path,
    checkpoint: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    reason: str,
) -> None:
    assert train.main(options(epochs=1)) == 0
    capsys.readouterr()
    assert train.main(options(epochs=1, **changes)) == 0
    printed = capsys.readouterr().out
    assert reason in printed
    assert "resumed" not in printed
    assert torch.load(checkpoint, weights_only=True)["identity"]["epochs"] == 1


def test_other_images_are_another_training(
    opt: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(options(epochs=1)) == 0
    (opt / "input" / "data" / "train" / "3" / "00000.jpg").unlink()
    assert train.main(options(epochs=1)) == 0
    told = "training images by class is [12, 12, 12] there and [12, 11, 12] here; it is ignored"
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"half a check", None], ids=["empty", "text", "cut-off"])
def test_a_damaged_checkpoint_is_ignored(
    opt: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    assert train.main(options(epochs=1)) == 0
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert train.main(options(epochs=1)) == 0
    assert "checkpoint.pt cannot be read" in capsys.readouterr().out
    assert len(checkpoint.read_bytes()) == pytest.approx(len(whole), rel=0.01)


def test_a_partly_written_checkpoint_leaves_the_last_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path, {"lr": 0.1})
    checkpoints.save(1, {"history": [1]})
    checkpoints.file.with_suffix(".partial").write_bytes(b"PK half of epoch 2")
    assert checkpoints.load() == {"history": [1]}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path, {"lr": 0.1})
    checkpoints.save(1, {"history": [1]})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        checkpoints.save(2, {"history": [1, 2], "weights": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith(f"no checkpoint of epoch 2: {checkpoints.file} cannot be written, with ")
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert checkpoints.load() == {"history": [1]}


def test_without_the_folder_no_checkpoint_is_kept(
    opt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(options(epochs=1)) == 0
    assert not (opt / "checkpoints").exists()
    assert "checkpoint" not in capsys.readouterr().out


def test_the_error_of_a_nan_loss_names_the_last_good_epoch(
    opt: Path, checkpoint: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Limited(images_at_once=99)
    checkpoints = Checkpoints(checkpoint.parent, {})

    def ruin() -> None:
        with torch.no_grad():
            model.head.weight.fill_(math.nan)

    with pytest.raises(TrainingError) as error:
        fit(model, images, Quiet(7, ruin), 3, checkpoints)
    assert str(error.value).startswith("the loss is nan at step 2 of epoch 2; choose a smaller lr")
    assert str(error.value).endswith(f"the last good epoch is 1, in {checkpoint}")
    with pytest.raises(TrainingError, match="no epoch was finished before"):
        fit(model, images, Quiet(0, ruin), 3)


class Limited(nn.Module):
    """A network without batch normalisation, on a device that bears few images at once."""

    def __init__(self, images_at_once: int, error: type[Exception] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(3 * 8 * 8, 3)
        self.limit, self.error = images_at_once, error

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > self.limit:
            if self.error is None:
                torch.empty(10**15)  # four petabytes: what the CPU's allocator really says
            else:
                raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.head(nn.functional.adaptive_avg_pool2d(pixels, 8).flatten(1))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError, MemoryError, None], ids=["gpu", "python", "cpu"]
)
def test_out_of_memory_halves_the_number_of_images_at_once(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Any
) -> None:
    plain = fit(Limited(99), images, Quiet(0, print))
    capsys.readouterr()
    small = fit(Limited(2, error), images, Quiet(0, print))

    printed = capsys.readouterr().out
    assert (
        "out of memory at step 1 of epoch 1 with 8 images at once; each batch of 8 images is now "
        "computed in 2 pieces, which are added up"
    ) in printed
    assert "with 4 images at once; each batch of 8 images is now computed in 4 pieces" in printed
    assert "out of memory at validation with 12 images at once" in printed
    for one, other in zip(plain.history, small.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=1e-5)
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-5)


def test_memory_for_fewer_than_two_images_is_an_error(images: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="out of memory at step 1 of epoch 1 with 2 images"):
        fit(Limited(1), images, Quiet(0, print))


def test_other_errors_are_not_out_of_memory() -> None:
    assert not memory.ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_stop_on_issue_ends_the_training(
    opt: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Validation whose labels are swapped: the better it learns, the worse that looks."""
    folder = opt / "input" / "data" / "validation"
    for old, new in (("1", "x"), ("5", "1"), ("x", "5")):
        (folder / old).rename(folder / new)
    chosen = {"epochs": 12, "debug": "true", "label_smoothing": 0}
    assert train.main(options(**chosen, stop_on_issue="true")) == 0
    printed = capsys.readouterr().out
    training = read(opt, "training.json")
    done = len(training["history"])
    assert done < 12
    assert f"ended after epoch {done} of 12: Overfit found that at step" in printed
    assert training["ended_for"].startswith("Overfit found that")
    verdicts = {rule["rule"]: rule for rule in read(opt, "debug_rules.json")}
    assert verdicts["Overfit"]["status"] == "IssuesFound"
    assert verdicts["Overfit"]["reason"].endswith(f"the training was ended after epoch {done}")

    assert train.main(options(**chosen, stop_on_issue="true")) == 0  # nor does it go on later
    assert f"resumed after epoch {done} of 12" in capsys.readouterr().out
    assert len(read(opt, "training.json")["history"]) == done
    verdicts = {rule["rule"]: rule for rule in read(opt, "debug_rules.json")}
    assert "its first steps were not kept" in verdicts["PoorWeightInitialization"]["reason"]
