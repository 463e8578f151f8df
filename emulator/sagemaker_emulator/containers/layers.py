"""What a container writes to its image's environment: it goes to a layer of the container's own.

The kernel lays it over the environment where that works (`overlay`); elsewhere pip makes it an
environment in place of the image's (`private`, see `private_layer`).
"""

import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sagemaker_emulator.containers import private_layer
from sagemaker_emulator.containers.host.channel import Launch, View
from sagemaker_emulator.containers.process import HOST


class Layers:
    """The layers of the containers that run, a folder each.

    They are deleted in the background: a job need not wait until all that it installed is gone.

    Attributes:
        folder: That of all layers; what a killed server left in it is deleted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._deleting = ThreadPoolExecutor(1, "layers")
        for left in folder.glob("*"):
            self.delete(left)

    def new(self) -> Path:
        """Make an empty folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.folder))

    def delete(self, layer: Path) -> None:
        """Have a layer deleted; returns at once.

        Raises:
            ValueError: It is not in the folder of layers.
        """
        if layer.parent != self.folder:
            raise ValueError(f"{layer} is no layer of {self.folder}")
        with contextlib.suppress(RuntimeError):  # closed: the next server deletes it
            self._deleting.submit(shutil.rmtree, layer, ignore_errors=True)

    def close(self) -> None:
        """Leave what is not yet deleted to the next server."""
        self._deleting.shutdown(wait=False, cancel_futures=True)


def overlay(launch: Launch, environment: str, layer: Path) -> Launch:
    """The launch of a container that sees its environment with an empty layer above it.

    Args:
        launch: What runs.
        environment: The folder of the image's environment.
        layer: An empty folder.
    """
    for name in ("upper", "work"):
        (layer / name).mkdir()
    return {**launch, "base": environment, "layer": str(layer)}


def private(launch: Launch, environment: str, layer: Path) -> Launch:
    """The launch of a container whose pip makes it an environment of its own.

    Args:
        launch: What runs, with its variables.
        environment: The folder of the image's environment.
        layer: An empty folder.
    """
    for packages in Path(environment).glob("lib/python*/site-packages"):
        # A path that is missing when Python starts, it never looks into.
        (layer / packages.relative_to(environment)).mkdir(parents=True)
    variables = launch["environment"]
    programs = str(Path(environment, "bin"))
    path = variables["PATH"].replace(programs, f"{layer / 'bin'}:{programs}")
    own = {**variables, "PATH": path, private_layer.LAYER: str(layer)}
    return {**launch, "environment": own, "layer": str(layer)}


def keep_bytecode(view: View) -> None:
    """Move what Python has compiled in an overlay to the environment, once the container has ended.

    Else each job would compile again what it imports. What does not belong to a module that is in
    the environment as it was compiled stays, and goes with the layer.
    """
    upper, base = Path(view["layer"], "upper"), Path(view["base"])
    for folder, _, names in os.walk(upper):
        if not folder.endswith("/__pycache__"):
            continue
        modules = Path(folder).parent
        for name in names:
            module = f"{name.partition('.')[0]}.py"
            source = base / modules.relative_to(upper) / module
            target = source.parent / "__pycache__" / name
            if not name.endswith(".pyc") or os.path.lexists(modules / module):
                continue
            with contextlib.suppress(OSError):  # the next job compiles it
                if _is_compiled_from(Path(folder, name), source):
                    target.parent.mkdir(exist_ok=True)
                    Path(folder, name).replace(target)


def _is_compiled_from(compiled: Path, source: Path) -> bool:
    """Whether a file of byte code tells of a source as it is (PEP 552)."""
    header = struct.Struct("<4xIII")
    with compiled.open("rb") as file:
        read = file.read(header.size)
    if len(read) < header.size:
        return False
    flags, time, size = header.unpack(read)
    found = source.stat()
    now = (int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF)
    return flags == 0 and (time, size) == now


def view_failure(folder: Path, layered: bool) -> str:
    """Try a view of the file system and return what failed, or an empty string.

    Args:
        folder: On the disk that is tried; what is made in it is deleted.
        layered: Whether an environment has a layer above it.
    """
    with tempfile.TemporaryDirectory(prefix="view-", dir=folder) as temporary:
        root = Path(temporary)
        for name in ("ml", "opt", "etc", "base/folder", "layer/upper", "layer/work"):
            (root / name).mkdir(parents=True)
        for name in ("ml/probe", "etc/hosts", "etc/hostname", "base/folder/file"):
            (root / name).touch()
        view: View = {
            "folder": str(root / "ml"),
            "mount": str(root / "opt"),
            "etc": str(root / "etc"),
            "host": "probe",
            "layer": str(root / "layer"),
            "base": str(root / "base") if layered else "",
        }
        failure = failure_of([sys.executable, "-I", "-S", str(HOST), "probe", json.dumps(view)])
        kept = (root / "base/folder/file").exists()
        return failure or ("" if kept else "what is written to the layer is not kept apart")


def failure_of(command: list[str]) -> str:
    """Run a command and return the last line of its errors, or an empty string if it succeeds."""
    tried = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if tried.returncode == 0:
        return ""
    return (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
