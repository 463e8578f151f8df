"""The SageMaker SDK, used as on AWS: only the address differs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("sdk_pipeline.py")


@pytest.mark.slow
def test_the_sdk_runs_a_pipeline_and_a_training_job(emulator: Any, tmp_path: Path) -> None:
    (tmp_path / "print.py").write_text('print("printed by the step")')
    client = json.loads(emulator.run("env", "--json").stdout)
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "print.py"],
        cwd=tmp_path,
        env=kept | client,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == [
        "step Print Succeeded",
        "role arn:aws:iam::123456789012:role/emulator of account 123456789012",
        "bucket sagemaker-us-east-1-123456789012",
    ]
    # The SDK shows a job's log as its own.
    assert "epoch=2 accuracy=0.20" in done.stderr
    assert "Completed" in done.stderr
    logs = emulator.client("logs").filter_log_events(
        logGroupName="/aws/sagemaker/ProcessingJobs", filterPattern='"printed by the step"'
    )
    assert len(logs["events"]) == 1
