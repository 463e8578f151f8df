"""A step is told to stop: the first process of a container must say how SIGTERM ends it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import train
from tests.steps.tiny_training import options, read
from training.result import artifact

REPOSITORY = Path(__file__).parents[2]
STEPS = REPOSITORY / "steps"
ENTRY = REPOSITORY / "containers" / "tally-training" / "bin" / "train"
# By its own handler. Without one, signal 15 would end it here, and nothing at all in a container.
ENDED = 128 + signal.SIGTERM


def stopped(pipe: Path, root: Path, *command: str) -> int:
    """Start a program that reads the pipe, stop it while it waits there; its exit code."""
    environment = {name: value for name, value in os.environ.items() if name[:3] != "SM_"}
    with (
        subprocess.Popen(
            [sys.executable, *command], env=environment | {"OPT_ML": str(root)}
        ) as process,
        pipe.open("w"),
    ):  # opens when the program has opened it, too
        process.send_signal(signal.SIGTERM)
        return process.wait(30)


def test_prepare_ends_at_once(tmp_path: Path) -> None:
    listed = tmp_path / "file_list.json"
    os.mkfifo(listed)
    given = ("--source", str(tmp_path), "--file-list", str(listed))
    assert stopped(listed, tmp_path, str(STEPS / "prepare.py"), *given) == ENDED


def test_evaluate_ends_at_once(tmp_path: Path) -> None:
    test = tmp_path / "processing" / "input" / "test" / "1"
    test.mkdir(parents=True)
    (test / "00001.jpg").write_bytes(b"an image")
    manifest = tmp_path / "processing" / "input" / "manifest" / "manifest.json"
    manifest.parent.mkdir()
    os.mkfifo(manifest)
    assert stopped(manifest, tmp_path, str(STEPS / "evaluate.py")) == ENDED


def test_a_training_before_its_first_step_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "t.py").write_text("open('waits').read()")
    os.mkfifo(tmp_path / "code" / "waits")
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(
        json.dumps({
            "sagemaker_program": "t.py", "sagemaker_submit_directory": str(tmp_path / "code"),
        })
    )  # fmt: skip
    command = f"import os, runpy; os.chdir({str(tmp_path / 'code')!r}); "
    command += f"runpy.run_path({str(ENTRY)!r}, run_name='__main__')"
    assert stopped(tmp_path / "code" / "waits", tmp_path, "-c", command) == ENDED


@pytest.mark.usefixtures("one_thread")
def test_a_model_that_is_being_written_is_completed(
    opt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, before = artifact.write, signal.getsignal(signal.SIGTERM)

    def stopped_here(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        write(*arguments)

    monkeypatch.setattr(artifact, "write", stopped_here)
    assert train.main(options(epochs=1)) == 0
    assert "model.pt" in read(opt, "model.json")["files"]
    assert signal.getsignal(signal.SIGTERM) == before
