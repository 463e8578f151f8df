"""Functions of the SageMaker SDK that run as jobs in AWS's base image, as on AWS."""

import sysconfig
from pathlib import Path

import pytest
from emulator_process import Emulator
from sdk_scripts import run_script
from wheels import write_wheel


@pytest.mark.slow
@pytest.mark.timeout(600)  # three jobs import the SDK, 4 s of CPU time each
def test_the_sdk_runs_functions_as_jobs(emulator: Emulator, tmp_path: Path) -> None:
    """AWS's image has no SDK, so a job's requirements name it: here, the one of this test.

    Its wheel says where that SDK is, as pip would take a minute to install another in each job.
    """
    wheel = write_wheel(tmp_path, "shelf", "1.0", sdk_pth=sysconfig.get_path("purelib"))
    (tmp_path / "requirements.txt").write_text(f"{wheel}\n")
    done = run_script(emulator, "sdk_remote_function.py", tmp_path, seconds=550)
    lines = done.stdout.splitlines()
    assert "dividing 7" in lines  # the SDK shows a job's log as its own
    assert "raised division by zero" in lines
    assert lines[-2:] == [
        "[('count', 'Succeeded'), ('tell', 'Succeeded')]",
        "result 3 words by 1.0",
    ]
