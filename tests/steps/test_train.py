"""Training as SageMaker runs it, on a few small images; its parts in this process."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import model_code
import network
import served_network
import train
from counts import Classes
from pipelines.upload.code import bundles
from tests.steps.tiny_training import (
    METRICS,
    TINY,
    TRAINING_IMAGE,
    Quiet,
    channel,
    fit,
    options,
    read,
)
from training.data.images import load_images

pytestmark = pytest.mark.usefixtures("one_thread")
ENTRY = TRAINING_IMAGE / "bin" / "train"


def test_a_training_job_from_hyperparameters_to_model(opt: Path, tmp_path: Path) -> None:
    """The image's own `train`, the code in a tarball, a debugged run: a process from end to end."""
    source = tmp_path / "sourcedir.tar.gz"
    source.write_bytes(bundles()["train"].pack())
    arguments = options(debug="true", epochs=3, profile="true", export="auto", decision="auto")
    hyperparameters = {
        name.removeprefix("--"): value
        for name, value in zip(arguments[::2], arguments[1::2], strict=True)
    }
    hyperparameters["sagemaker_program"] = "train.py"
    hyperparameters["sagemaker_submit_directory"] = str(source)
    (opt / "input" / "config").mkdir()
    (opt / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))

    result = subprocess.run(
        [sys.executable, str(ENTRY)],
        env={**os.environ, "TRAINING_JOB_NAME": "tally-train-1"},
        capture_output=True,
        text=True,
        timeout=200,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    found = METRICS.findall(result.stdout)
    assert [epoch for epoch, *_ in found[:-1]] == ["1", "2", "3"]
    training = read(opt, "training.json")
    assert found[-1] == found[training["best_epoch"] - 1]
    assert result.stdout.strip().splitlines()[-1].startswith("epoch=")
    assert len(training["history"]) == 3
    assert training["hyperparameters"]["batch-size"] == 8
    assert training["profile"]["phases"]["forward_backward"] > 0
    assert read(opt, "model.json")["classes"] == [1, 3, 5]
    assert read(opt, "model.json")["image_size"] == 32
    statuses = {rule["rule"]: rule["status"] for rule in read(opt, "debug_rules.json")}
    assert len(statuses) == 7
    assert statuses["LowGPUUtilization"] == "NotApplicable" or torch.cuda.is_available()
    assert statuses["VanishingGradient"] == "NoIssuesFound"
    assert re.search(r"^  Overfit +\w+ ", result.stdout, re.MULTILINE)
    assert "smdebug" not in result.stdout + result.stderr
    assert "INFO" not in result.stdout + result.stderr
    assert read(opt, "model.json")["serves"] == "model.onnx"
    assert (opt / "model" / "profile.html").is_file()
    state = torch.load(opt / "model" / "model.pt", weights_only=True)
    served_network.build(state, read(opt, "model.json"), network.build(TINY, 3))
    assert {file.name for file in (opt / "model" / "code").iterdir()} == set(model_code.FILES)
    learnt_from = (opt / "model" / "learnt_from.txt").read_text().split()
    images = (opt / "input" / "data").glob("*/*/*.jpg")
    assert learnt_from == sorted({file.stem for file in images})


def test_the_same_seed_gives_the_same_model(
    opt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = []
    for _ in range(2):
        assert train.main(options(seed=7)) == 0
        lines.append([m[:6] for m in METRICS.findall(capsys.readouterr().out)])
    assert lines[0] == lines[1]
    assert len(lines[0]) == 3


def test_validation_improves_during_training(opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(options(epochs=8, lr=0.1, label_smoothing=0)) == 0
    first, *_, last = METRICS.findall(capsys.readouterr().out)
    assert float(last[4]) > 0.6  # chance is a third
    assert float(last[3]) < float(first[3])


def break_nothing(root: Path) -> None:
    pass


def drop_validation(root: Path) -> None:
    shutil.rmtree(root / "input" / "data" / "validation")


def empty_a_class(root: Path) -> None:
    shutil.rmtree(root / "input" / "data" / "train" / "3")
    (root / "input" / "data" / "train" / "3").mkdir()


def another_class(root: Path) -> None:
    channel(root / "input" / "data" / "validation", 2, counts=(4,))


def strange_folder(root: Path) -> None:
    (root / "input" / "data" / "train" / "many").mkdir()


def one_class(root: Path) -> None:
    for count in "13":
        shutil.rmtree(root / "input" / "data" / "train" / count)


def damaged_image(root: Path) -> None:
    (root / "input" / "data" / "train" / "1" / "00000.jpg").write_text("not a picture")


def wrong_weights(root: Path) -> None:
    (root / "input" / "data" / "pretrained").mkdir()
    torch.save({"layer": torch.zeros(1)}, root / "input" / "data" / "pretrained" / f"{TINY}.pth")


def no_weights(root: Path) -> None:
    (root / "input" / "data" / "pretrained").mkdir()


@pytest.mark.parametrize(
    ("harm", "changes", "says"),
    [
        (drop_validation, {}, "channel 'validation' is missing (channels of this job: train)"),
        (empty_a_class, {}, "train/3 contains no image"),
        (another_class, {}, "validation has 1, 3, 4, 5, the model answers 1, 3, 5"),
        (strange_folder, {}, "a subfolder 'many' that is not a count"),
        (one_class, {}, "has 1 folders of counts; training needs at least two"),
        (damaged_image, {}, "train/1/00000.jpg cannot be read as an image"),
        (break_nothing, {"backbone": "resnet999"}, "backbone 'resnet999' is unknown; allowed:"),
        (break_nothing, {"lr": 1e30}, "choose a smaller lr than 1e+30"),
        (break_nothing, {"colour": "red"}, "unrecognized arguments: --colour red"),
        (wrong_weights, {"pretrained": "true"}, f"does not contain the weights of '{TINY}'"),
        (no_weights, {"pretrained": "true"}, f"expected one of {TINY}.pth"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_problem_that_the_user_can_fix_is_reported_in_one_line(
    opt: Path, capsys: pytest.CaptureFixture[str], harm: Any, changes: dict[str, object], says: str
) -> None:
    harm(opt)
    assert train.main(options(**changes)) == 1
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
    assert says in (opt / "output" / "failure").read_text()


def test_a_small_validation_may_lack_a_count(opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(opt / "input" / "data" / "validation" / "3")
    assert train.main(options(epochs=1)) == 0
    assert "validation has no image of 3 items" in capsys.readouterr().out
    folder = opt / "input" / "data" / "validation"
    assert set(load_images(folder, 32, 2, Classes((1, 3, 5))).counts.tolist()) == {1, 5}


def test_the_error_of_a_nan_loss_names_the_step(
    opt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(options(lr=1e30)) == 1
    assert re.search(r"the loss is (nan|inf) at step \d+ of epoch \d", capsys.readouterr().err)


@pytest.mark.parametrize(("at", "epochs"), [(2, 1), (7, 1)], ids=["first-epoch", "second-epoch"])
def test_sigterm_keeps_the_best_epoch_so_far(images: Path, at: int, epochs: int) -> None:
    torch.manual_seed(0)
    before = signal.getsignal(signal.SIGTERM)
    try:
        outcome = fit(
            network.build(TINY, 3),
            images,
            Quiet(at, lambda: os.kill(os.getpid(), signal.SIGTERM)),
            epochs=50,
            should_stop=train.stop_signal(),
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert outcome.stopped
    assert [epoch.epoch for epoch in outcome.history] == list(range(1, epochs + 1))
    network.build(TINY, 3).load_state_dict(outcome.state)
