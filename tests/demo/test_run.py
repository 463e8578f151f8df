"""The demo's script, with a Python that only records its arguments."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Demo = Callable[[], list[list[str]]]
ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
echo "$*" >> calls.txt
case "$*" in *demo.unseen*) echo unseen/3/bin.jpg ;; esac
"""


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    """Runs the demo with the bins in `bins`, and returns its commands."""
    for folder in ("demo", ".venv/bin", "bins/metadata"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "demo" / "run.sh", tmp_path / "demo")
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def run() -> list[list[str]]:
        subprocess.run([tmp_path / "demo" / "run.sh", "bins"], check=True, capture_output=True)
        return [line.split() for line in (tmp_path / "calls.txt").read_text().splitlines()]

    return run


def test_every_command_names_the_execution_that_was_started(demo: Demo) -> None:
    calls = demo()
    (start,) = [words for words in calls if "start" in words]
    name = start[start.index("--name") + 1]
    assert ["-m", "demo.unseen", name] in calls
    assert ["pipeline.py", "report", name] in calls
    assert ["pipeline.py", "predict", "unseen/3/bin.jpg", "--expected", "3"] in calls


def test_the_record_of_the_photo_is_sent_where_there_is_one(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "bins" / "metadata" / "bin.json").write_text("[]")
    sent = ["predict", "unseen/3/bin.jpg", "--record", "bins/metadata/bin.json"]
    assert ["pipeline.py", *sent] in demo()
