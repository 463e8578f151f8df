"""The repository's folder, and what is found from it wherever the person stands."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def emulator_state() -> Path:
    """The folder of the emulator's state: $EMULATOR_STATE, or .emulator in the repository.

    It is the same wherever the person stands, so that two folders do not meet two emulators.
    """
    return Path(os.environ.get("EMULATOR_STATE") or ROOT / ".emulator").resolve()


def environment() -> dict[str, str]:
    """This process's environment, for a Python that imports packages of the repository."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}
