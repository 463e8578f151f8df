"""The SageMaker SDK's experiments, used as on AWS."""

from pathlib import Path
from typing import Any

import pytest
from sdk_scripts import run_script


@pytest.mark.slow
def test_the_sdks_runs_are_kept_found_and_analysed(emulator: Any, tmp_path: Path) -> None:
    done = run_script(emulator, "sdk_experiments.py", tmp_path)
    assert done.stdout.splitlines() == [
        "['ExperimentName', 'RunName', 'TrialName']",
        "['first']",
        "[[0.5, 'x', 2, 1.0, 1.0, 12, 's3://bucket/data']]",
    ]
