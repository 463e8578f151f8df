"""Imports that a warm host does once for all of its containers."""

import contextlib
import importlib
import os
import sys
from pathlib import Path


def preload(folder: str, modules: list[str]) -> None:
    """Import modules, those in the image's own folder too, which jobs do not find there."""
    sys.path.insert(0, folder)
    for module in modules:
        try:
            imported = importlib.import_module(module)
        except Exception as error:  # the job that needs it will report it
            print(f"preload: {module} cannot be imported: {error}", file=sys.stderr)
            continue
        if (getattr(imported, "__file__", None) or "").startswith(folder + os.sep):
            del sys.modules[module]
    del sys.path[0]
    with contextlib.suppress(OSError):
        if (threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
            print(f"preload: importing left {threads} threads; a fork has one", file=sys.stderr)
