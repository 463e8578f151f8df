"""Virtual environments of their own for what is not part of this project."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from suites.sources import SourceError


def make(folder: Path, packages: Sequence[str], version: str = "3.11") -> Path:
    """The Python of an environment with these packages; it is made if it is not there yet.

    Args:
        folder: Where it is.
        packages: What is installed into it, as `pip install` has it.
        version: Of its Python.

    Raises:
        SourceError: The packages cannot be installed.
    """
    ready, python = folder / ".ready", folder / "bin" / "python"
    wanted = "\n".join([version, *packages])
    if not ready.exists() or ready.read_text() != wanted:
        uv = [sys.executable, "-m", "uv"]
        made = [*uv, "venv", "--quiet", "--clear", "--python", version, str(folder)]
        install = [*uv, "pip", "install", "--quiet", "--python", str(python), *packages]
        if subprocess.run(made).returncode or not _installed(install):
            raise SourceError(f"{', '.join(packages)} cannot be installed into {folder}")
        ready.write_text(wanted)
    return python


def _installed(install: Sequence[str]) -> bool:
    """Install what uv has already; only else ask an index, which may take minutes."""
    offline = subprocess.run([*install, "--offline"], stderr=subprocess.DEVNULL)
    return offline.returncode == 0 or subprocess.run(install).returncode == 0
