"""The definition: unchanged code and settings give the same bytes, and so the step cache works."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@functools.cache  # a compilation takes seconds
def build(seed: str) -> str:
    """The definition, compiled in a process whose sets and dicts hash otherwise."""
    return subprocess.run(
        [sys.executable, "pipeline.py", "definition"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def test_two_builds_are_identical() -> None:
    assert build("1") == build("2")


def test_the_steps_and_their_order() -> None:
    steps = json.loads(build("1"))["Steps"]
    assert [step["Name"] for step in steps] == [
        "Prepare",
        "Tune",
        "Train",
        "Evaluate",
        "CheckAccuracy",
    ]
