"""Virtual environments of their own for what is not part of this project."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from suites.sources import SourceError


def make(folder: Path, packages: Sequence[str]) -> Path:
    """The Python of an environment with these packages; it is made if it is not there yet.

    Args:
        folder: Where it is.
        packages: What is installed into it, as `pip install` has it.

    Raises:
        SourceError: The packages cannot be installed.
    """
    ready, python = folder / ".ready", folder / "bin" / "python"
    wanted = "\n".join(packages)
    if not ready.exists() or ready.read_text() != wanted:
        uv = [sys.executable, "-m", "uv"]
        for command in (
            [*uv, "venv", "--quiet", "--clear", "--python", "3.11", str(folder)],
            [*uv, "pip", "install", "--quiet", "--python", str(python), *packages],
        ):
            if subprocess.run(command).returncode:
                raise SourceError(f"{', '.join(packages)} cannot be installed into {folder}")
        ready.write_text(wanted)
    return python
