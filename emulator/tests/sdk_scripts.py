"""Programs that use the SageMaker SDK, as a person does: only the environment's address differs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from emulator_process import Emulator


def run_script(
    emulator: Emulator, name: str, folder: Path, *arguments: str, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder against an emulator; it must succeed.

    Args:
        emulator: where its requests go.
        name: the script's.
        folder: where it runs.
        arguments: its own.
        seconds: that it may take.
    """
    client = json.loads(emulator.run("env", "--json").stdout)
    # The SDK is large, and compiled once.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(name)), *arguments],
        cwd=folder,
        env=kept | client,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done
