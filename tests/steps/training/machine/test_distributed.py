"""Two processes that train together, against one that trains alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import train
from tests.steps.tiny_training import METRICS, STEPS, TRAINING_IMAGE, options, read

pytestmark = pytest.mark.usefixtures("one_thread")
ENTRY = TRAINING_IMAGE / "bin" / "train"


def run_two(opt: Path, **changes: object) -> tuple[list[dict[str, float]], str]:
    """Run a training job by the image's own entry point, in two processes."""
    configure(opt, **changes)
    result = subprocess.run(
        [sys.executable, str(ENTRY)], env=dict(os.environ), capture_output=True, text=True,
        timeout=200,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return read(opt, "training.json")["history"], result.stdout


def configure(opt: Path, **changes: object) -> None:
    arguments = options(**changes)
    hyperparameters = dict(
        zip((name[2:] for name in arguments[::2]), arguments[1::2], strict=True),
        sagemaker_program="train.py",
        sagemaker_submit_directory=str(STEPS),
        sagemaker_processes_per_host="2",
    )
    (opt / "input" / "config").mkdir(exist_ok=True)
    (opt / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))


@pytest.mark.parametrize("changes", [{"mixup": 0.2}], ids=["mixed"])
def test_two_processes_train_the_same_model_as_one(opt: Path, changes: dict[str, object]) -> None:
    """On features, where no batch statistics differ, they take the same steps but for rounding."""
    chosen = {"freeze": -1, "dropout": 0, "epochs": 4, **changes}
    assert train.main(options(**chosen)) == 0
    alone = read(opt, "training.json")["history"]
    weights = torch.load(opt / "model" / "model.pt", weights_only=True)
    together, printed = run_two(opt, **chosen)
    assert len(METRICS.findall(printed)) == 5  # of the first process only
    for one, two in zip(alone, together, strict=True):
        for name in ("train_loss", "validation_loss", "validation_rmse"):
            assert two[name] == pytest.approx(one[name], rel=1e-4), name
    again = torch.load(opt / "model" / "model.pt", weights_only=True)
    assert torch.allclose(
        weights["classifier.weight"], again["classifier.weight"], rtol=1e-3, atol=1e-5
    )


def test_a_whole_network_trains_in_two_processes_and_resumes(opt: Path) -> None:
    """Each normalises by its own half of the batch, so the numbers differ a little."""
    (opt / "checkpoints").mkdir()
    history, _ = run_two(opt, epochs=2, dropout=0)
    assert [epoch["epoch"] for epoch in history] == [1, 2]
    again, printed = run_two(opt, epochs=2, dropout=0)
    assert "resumed after epoch 2 of 2" in printed
    assert again == history


def test_stopping_two_processes_keeps_their_model(opt: Path) -> None:
    configure(opt, epochs=500)
    with subprocess.Popen([sys.executable, str(ENTRY)], stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        printed = ""
        for line in job.stdout:
            if "epoch=1 " in line and "epoch=1 " not in printed:  # the end repeats the best
                job.send_signal(signal.SIGTERM)
            printed += line
    assert job.returncode == 0, printed  # the launcher, told so itself, would end with an error
    assert "stopped by a signal" in printed
    assert len(read(opt, "training.json")["history"]) < 500
