"""Gives a job an environment of its own where nothing can be mounted over its image's.

It is copied into each environment as `emulator_layer`, and a `.pth` file has its Python run it at
every start, so it imports little. It does nothing unless `EMULATOR_LAYER` names a folder, the
job's. The first pip of the job makes the folder a whole environment, of hard links to the image's
files, as pip replaces files and never writes into them. From then on a Python of the image's
environment becomes that of the folder when it starts.
"""

# It imports neither pathlib nor shutil at each start of each Python.
# ruff: noqa: PTH105, PTH110, PTH112, PTH118, PTH119, PTH120, PTH123, PTH208

import os
import sys

LAYER = "EMULATOR_LAYER"
MADE = "pyvenv.cfg"  # the last file that is put into the folder


def is_pip(command: list[str]) -> bool:
    """Whether a Python's command line is `python -m pip` or that of the script `pip`."""
    for index, word in enumerate(command[1:], 1):
        if word == "-m":
            return command[index + 1 : index + 2] == ["pip"]
        if not word.startswith("-"):
            return os.path.basename(word).rstrip("0123456789.") == "pip"
    return False


def see() -> None:
    """Look for modules in the job's folder first, so that what pip installs is found at once."""
    folder = os.environ.get(LAYER, "")
    if not folder or not __file__.startswith(sys.prefix + os.sep):  # no environment of an image
        return
    packages = os.path.dirname(__file__)
    own = folder + packages.removeprefix(sys.prefix)
    if own != packages and own not in sys.path and packages in sys.path:
        sys.path.insert(sys.path.index(packages), own)


def make(environment: str, folder: str) -> None:
    """Make the folder an environment with all that another one has, unless it is one.

    Args:
        environment: The image's.
        folder: The job's, which has an empty folder for packages at most.
    """
    import fcntl
    import shutil

    with open(os.path.join(folder, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(os.path.join(folder, MADE)):
            return
        new = os.path.join(folder, ".new")
        shutil.rmtree(new, ignore_errors=True)  # of a pip that was killed
        shutil.copytree(environment, new, symlinks=True, copy_function=_link)
        for name in sorted(os.listdir(new), key=lambda name: name == MADE):
            _move(os.path.join(new, name), os.path.join(folder, name))
        shutil.rmtree(new)


def _link(source: str, target: str) -> None:
    import shutil

    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target, follow_symlinks=False)


def _move(source: str, target: str) -> None:
    """Put a file, or a folder at once where it replaces an empty one: others may look into it."""
    try:
        os.replace(source, target)
    except OSError:
        if not os.path.isdir(target):
            raise
        for name in os.listdir(source):
            _move(os.path.join(source, name), os.path.join(target, name))


def _begin() -> None:
    folder, command = os.environ.get(LAYER, ""), getattr(sys, "orig_argv", [])
    see()
    if not folder or not command or os.path.realpath(sys.prefix) == os.path.realpath(folder):
        return
    if not __file__.startswith(sys.prefix + os.sep):
        return
    if is_pip(command):
        make(sys.prefix, folder)
    python = os.path.join(folder, "bin", "python")
    if os.path.exists(os.path.join(folder, MADE)):
        os.execv(python, [python, *command[1:]])


_begin()
