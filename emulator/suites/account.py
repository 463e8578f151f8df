"""The account that suites of others find: a shell that is pointed at an emulator."""

import json
import os
import subprocess
import sys
from pathlib import Path


def shell(state: Path) -> dict[str, str]:
    """The variables of a shell that is pointed at the emulator of a state folder.

    Raises:
        subprocess.CalledProcessError: It does not run.
    """
    command = [sys.executable, "-m", "sagemaker_emulator", "env", "--json", "--state", str(state)]
    bare = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(command, env=bare, stdout=subprocess.PIPE, text=True, check=True)
    variables: dict[str, str] = json.loads(done.stdout)
    return variables
