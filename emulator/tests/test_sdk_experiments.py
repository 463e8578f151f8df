"""The SageMaker SDK's experiments, used as on AWS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("sdk_experiments.py")


@pytest.mark.slow
def test_the_sdks_runs_are_kept_found_and_analysed(emulator: Any, tmp_path: Path) -> None:
    client = json.loads(emulator.run("env", "--json").stdout)
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=tmp_path,
        env=os.environ | client,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == [
        "['ExperimentName', 'RunName', 'TrialName']",
        "['first']",
        "[[0.5, 'x', 2, 1.0, 1.0, 12, 's3://bucket/data']]",
    ]
