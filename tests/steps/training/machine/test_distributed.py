"""Two processes that train together, against one that trains alone."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.steps.tiny_training import METRICS, STEPS, TRAINING_IMAGE, options, read

pytestmark = pytest.mark.usefixtures("one_thread")
ENTRY, SCRIPT_MODE = TRAINING_IMAGE / "bin" / "train", TRAINING_IMAGE / "script_mode.py"


def run(opt: Path, processes: int, **changes: object) -> tuple[list[dict], str]:
    """A training job by the image's own entry, in so many processes of this machine."""
    configure(opt, processes, **changes)
    result = subprocess.run(
        [sys.executable, str(ENTRY)], env=dict(os.environ), capture_output=True, text=True,
        timeout=200,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return read(opt, "training.json")["history"], result.stdout


def configure(opt: Path, processes: int, **changes: object) -> None:
    arguments = options(profile="false", **changes)
    hyperparameters = dict(
        zip((name[2:] for name in arguments[::2]), arguments[1::2], strict=True),
        sagemaker_program="train.py",
        sagemaker_submit_directory=str(STEPS),
        sagemaker_processes_per_host=str(processes),
    )
    (opt / "input" / "config").mkdir(exist_ok=True)
    (opt / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))


@pytest.mark.parametrize("changes", [{"mixup": 0.2}], ids=["mixed"])
def test_two_processes_learn_as_one(opt, changes):
    """On features, where no batch statistics differ, they take the same steps but for rounding."""
    chosen = {"freeze": -1, "dropout": 0, "epochs": 4, **changes}
    alone, _ = run(opt, 1, **chosen)
    weights = torch.load(opt / "model" / "model.pt", weights_only=True)
    together, printed = run(opt, 2, **chosen)
    assert len(METRICS.findall(printed)) == 5  # of the first process only
    for one, two in zip(alone, together, strict=True):
        for name in ("train_loss", "validation_loss", "validation_rmse"):
            assert two[name] == pytest.approx(one[name], rel=1e-4), name
    again = torch.load(opt / "model" / "model.pt", weights_only=True)
    assert torch.allclose(
        weights["classifier.weight"], again["classifier.weight"], rtol=1e-3, atol=1e-5
    )


def test_a_whole_network_learns_in_two_processes_and_resumes(opt):
    """Each normalises by its own half of the batch, so the numbers differ a little."""
    (opt / "checkpoints").mkdir()
    history, _ = run(opt, 2, epochs=2, dropout=0)
    assert [epoch["epoch"] for epoch in history] == [1, 2]
    again, printed = run(opt, 2, epochs=2, dropout=0)
    assert "resumed after epoch 2 of 2" in printed
    assert again == history


def test_two_processes_that_are_stopped_keep_their_model(opt):
    configure(opt, 2, epochs=500)
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


@pytest.mark.parametrize(
    ("resources", "own", "expected"),
    [
        ({}, {"sagemaker_processes_per_host": 1}, []),
        (
            {}, {"sagemaker_processes_per_host": 4},
            ["--nnodes=1", "--nproc-per-node=4", "--standalone"],
        ),
        (
            {"hosts": ["algo-2", "algo-1"], "current_host": "algo-2"},
            {"sagemaker_processes_per_host": 2},
            [
                "--nnodes=2", "--nproc-per-node=2", "--node-rank=1", "--master-addr=algo-1",
                "--master-port=29500",
            ],
        ),
    ],
    ids=["one", "one-host", "two-hosts"],
)  # fmt: skip
def test_a_process_is_started_for_each_gpu_of_each_host(resources, own, expected):
    specification = importlib.util.spec_from_file_location("script_mode", SCRIPT_MODE)
    assert specification and specification.loader
    script_mode = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script_mode)
    assert script_mode.launcher(resources, own) == expected
