"""The repository's folder, and paths that do not depend on the current directory."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def emulator_state() -> Path:
    """The folder of the emulator's state: $EMULATOR_STATE, or .emulator in the repository.

    It does not depend on the current directory, so that all commands use the same emulator.
    """
    return Path(os.environ.get("EMULATOR_STATE") or ROOT / ".emulator").resolve()


def environment() -> dict[str, str]:
    """This process's environment, for a Python that imports packages of the repository."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}
