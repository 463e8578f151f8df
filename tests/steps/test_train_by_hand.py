"""`steps/train.py` as the course's train1.py was run: its arguments, its channels, no container."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import train
from tests.steps.tiny_training import METRICS, STEPS, options, read
from training import hyperparameters

pytestmark = pytest.mark.usefixtures("one_thread")
# The course's best trial, as its notebook prints it.
COURSE = {"lr": "0.003820049499119736", "batch-size": "256", "epochs": "8"}
COURSE_ARGUMENTS = [
    part for name, value in COURSE.items() for part in (f"--{name}", value)
] + ["--test-batch-size", "100"]  # fmt: skip


def by_hand(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a folder, as somebody who has no /opt/ml."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SM_")}
    return subprocess.run(
        [sys.executable, str(STEPS / "train.py"), *arguments],
        cwd=folder,
        env={**inherited, "OPT_ML": str(folder / "no-container"), **variables},
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_the_courses_arguments_are_those_of_the_recipe() -> None:
    recipe = hyperparameters.parse(COURSE_ARGUMENTS)
    assert (recipe.lr, recipe.batch_size, recipe.epochs) == (0.003820049499119736, 256, 8)
    assert recipe.test_batch_size == 100


def test_the_courses_arguments_and_channels_train_outside_a_container(
    tmp_path: Path, images: Path
) -> None:
    """`valid` for validation, and a test channel that would end the training if it were read."""
    (tmp_path / "test" / "not a count").mkdir(parents=True)
    small = options(lr=COURSE["lr"], batch_size=256, test_batch_size=100, epochs=1, debug="true")
    done = by_hand(
        tmp_path,
        *small,
        SM_CHANNEL_TRAIN=str(images / "train"),
        SM_CHANNEL_VALID=str(images / "validation"),
        SM_CHANNEL_TEST="test",
        SM_MODEL_DIR="made/model",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert METRICS.search(done.stdout)
    assert "channel 'test' is not used: Evaluate measures the model on it" in done.stdout
    assert (tmp_path / "made" / "model" / "model.pt").is_file()
    assert not (tmp_path / "no-container").exists()
    assert read(tmp_path / "made", "training.json")["hyperparameters"]["batch-size"] == 256


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION and SM_MODEL_DIR"),
        ({"SM_MODEL_DIR": "model"}, "channel 'train' is missing"),
        ({"SM_MODEL_DIR": "file/model"}, "set SM_MODEL_DIR to another"),
        ({"SM_MODEL_DIR": "model", "SM_CHANNEL_TRAIN": "none"}, "'train' is not a folder: none"),
    ],
    ids=["nothing", "no-channels", "no-model-folder", "no-such-folder"],
)
def test_what_is_missing_outside_a_container_is_named_in_one_line(
    tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    (tmp_path / "file").touch()
    done = by_hand(tmp_path, *COURSE_ARGUMENTS, **variables)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_job_with_the_channel_valid_validates_on_it(
    opt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = opt / "input" / "data"
    (data / "validation").rename(data / "valid")
    assert train.main(options(epochs=1)) == 0
    assert "12 validation images" in capsys.readouterr().out


def test_both_names_of_the_validation_channel_are_refused(
    opt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(opt / "input" / "data" / "validation", opt / "input" / "data" / "valid")
    assert train.main(options(epochs=1)) == 1
    assert "two names of one channel" in capsys.readouterr().err
