"""Programs that other Python packages of this environment bring: uv, the emulator's own."""

import importlib.metadata
import os
import shutil
from pathlib import Path


def find(package: str, name: str) -> str | None:
    """The path of a program.

    The package knows where its program was installed, whether by pip, uv, pipx or with `--user`.
    Where it does not (a package of the system, say), PATH is searched.

    Args:
        package: The package's name on a package index: "uv".
        name: The program's name: "uv".

    Returns:
        An absolute path, or None if there is no such program.
    """
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        # Not resolve(): the path must stay the one in this environment where uv linked it.
        path = Path(os.path.normpath(file.locate()))
        if file.name == name and os.access(path, os.X_OK) and path.is_file():
            return str(path)
    return shutil.which(name)
