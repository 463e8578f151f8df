"""The demo's script, with a Python that only records its arguments."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
echo "$*" >> calls.txt
case "$*" in *demo.unseen*) echo unseen/3/bin.jpg ;; esac
"""


def test_every_command_names_the_execution_that_was_started(tmp_path: Path) -> None:
    for folder in ("demo", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "demo" / "run.sh", tmp_path / "demo")
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    subprocess.run([tmp_path / "demo" / "run.sh", "bins"], check=True, capture_output=True)
    calls = [line.split() for line in (tmp_path / "calls.txt").read_text().splitlines()]
    (start,) = [words for words in calls if "start" in words]
    name = start[start.index("--name") + 1]
    assert ["-m", "demo.unseen", name] in calls
    assert ["pipeline.py", "report", name] in calls
    assert ["pipeline.py", "predict", "unseen/3/bin.jpg", "--expected", "3"] in calls
