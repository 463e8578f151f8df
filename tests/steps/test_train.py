"""Training as SageMaker runs it, on a few small images; its parts in this process."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch

import network
import train
from tests.steps.tiny_training import (
    METRICS,
    STEPS,
    TINY,
    TRAINING_IMAGE,
    Quiet,
    channel,
    fit,
    options,
    read,
)
from training.data.images import load_images
from training.environment import Environment
from training.loop.epoch import Epoch
from training.result import artifact

pytestmark = pytest.mark.usefixtures("one_thread")
ENTRY = TRAINING_IMAGE / "bin" / "train"


def test_a_training_job_from_hyperparameters_to_model(opt, tmp_path):
    """The image's own `train`, the code in a tarball, a debugged run: a process from end to end."""
    source = tmp_path / "sourcedir.tar.gz"
    with tarfile.open(source, "w:gz") as tar:
        for name in ("train.py", "training", *artifact.SHIPPED):
            tar.add(STEPS / name, name, filter=lambda f: None if "__pycache__" in f.name else f)
    arguments = options(debug="true", epochs=3)
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
    state = torch.load(opt / "model" / "model.pt", weights_only=True)
    network.build(TINY, 3).load_state_dict(state)
    assert {file.name for file in (opt / "model" / "code").iterdir()} == set(artifact.SHIPPED)
    learnt_from = (opt / "model" / "learnt_from.txt").read_text().split()
    images = (opt / "input" / "data").glob("*/*/*.jpg")
    assert learnt_from == sorted({file.stem for file in images})


def test_the_same_seed_gives_the_same_model(opt, tmp_path, capsys):
    lines = []
    for _ in range(2):
        assert train.main(options(seed=7)) == 0
        lines.append([m[:6] for m in METRICS.findall(capsys.readouterr().out)])
    assert lines[0] == lines[1]
    assert len(lines[0]) == 3


def test_it_learns(opt, capsys):
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
        (another_class, {}, "validation has 1, 3, 4, 5, the training images have 1, 3, 5"),
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
def test_what_a_person_can_mend_is_said_in_one_line(opt, capsys, harm, changes, says):
    harm(opt)
    assert train.main(options(**changes)) == 1
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
    assert says in (opt / "output" / "failure").read_text()


def test_a_small_validation_may_lack_a_count(opt, capsys):
    shutil.rmtree(opt / "input" / "data" / "validation" / "3")
    assert train.main(options(epochs=1)) == 0
    assert "validation has no image of 3 items" in capsys.readouterr().out
    labels = load_images(opt / "input" / "data" / "validation", 32, 2, (1, 3, 5)).labels
    assert set(labels.tolist()) == {0, 2}


def test_a_nan_loss_names_the_step(opt, capsys):
    assert train.main(options(lr=1e30)) == 1
    assert re.search(r"the loss is (nan|inf) at step \d+ of epoch \d", capsys.readouterr().err)


@pytest.mark.parametrize(("at", "epochs"), [(2, 1), (7, 1)], ids=["first-epoch", "second-epoch"])
def test_sigterm_keeps_the_best_so_far(images, at, epochs):
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


def epoch(accuracy: float, loss: float) -> Epoch:
    return Epoch(1, 1.0, 0.5, loss, accuracy, 1.0, 0.9, 10.0)


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        (epoch(0.4, 1.5), None, True),
        (epoch(0.4, 1.4), epoch(0.4, 1.5), True),
        (epoch(0.4, 1.5), epoch(0.4, 1.5), False),
        (epoch(0.5, 1.5), epoch(0.4, 1.4), False),
    ],
    ids=["first", "lower-loss", "equal", "only-more-accurate"],
)
def test_the_best_epoch_has_the_least_loss(one, other, better):
    assert one.better_than(other) is better


def test_a_line_of_metrics_never_has_an_exponent():
    tiny = Epoch(1, 1e-7, 1e-9, 1e-7, 1.0, 1e-6, 1.0, 1e7)
    assert METRICS.fullmatch(tiny.line())


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", TINY])
def test_a_backbone_has_an_output_for_each_count(backbone):
    model = network.build(backbone, 5).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 5)


def test_variables_win_over_folders(tmp_path):
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    environment = Environment.read(
        {"OPT_ML": str(tmp_path), "SM_CHANNEL_TRAIN": "/elsewhere", "SM_MODEL_DIR": "/m"}
    )
    assert environment.channels["train"] == Path("/elsewhere")
    assert environment.model == Path("/m")
    assert environment.checkpoints == tmp_path / "checkpoints"
