"""The SageMaker SDK, used as on AWS: only the address differs."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator
from sdk_scripts import run_script

TRAIN = """
import os, pathlib, sys
word = pathlib.Path(os.environ["SM_CHANNEL_WORDS"], "a.txt").read_text()
pathlib.Path(os.environ["SM_MODEL_DIR"], "seen.txt").write_text(f"{word} {sys.argv[1:]}")
"""


@pytest.mark.slow
def test_the_sdk_runs_a_pipeline_and_a_training_job(emulator: Any, tmp_path: Path) -> None:
    (tmp_path / "print.py").write_text('print("printed by the step")')
    done = run_script(emulator, "sdk_pipeline.py", tmp_path, "print.py")
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


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["auto", "relocate"])
def test_the_sdk_trains_with_source_code(
    own_emulator: Callable[..., Emulator], tmp_path: Path, runtime: str
) -> None:
    """Its scripts name /opt/ml throughout, which under relocate is nowhere."""
    emulator = own_emulator()
    started = emulator.up("--runtime", runtime)
    assert started.returncode == 0, started.stderr
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(TRAIN)
    done = run_script(emulator, "sdk_source_code.py", tmp_path, str(code))
    status, model = done.stdout.splitlines()
    assert status == "Completed"
    bucket, _, key = model.removeprefix("s3://").partition("/")
    archive = emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile("seen.txt")
        assert member is not None
        seen = member.read().decode()
    given = ["--batch-size", "32", "--name", "two words", "--debug", "true"]
    assert seen == f"a word {given}"
