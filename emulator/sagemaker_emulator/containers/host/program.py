"""The host: what its arguments ask for."""

import gc
import json
import os
import socket
import sys
from pathlib import Path

from .channel import View
from .keeper import keep
from .keepers import serve
from .mount_namespace import enter
from .preload import preload


def main(arguments: list[str]) -> None:
    """Be a host, or try (`probe`) whether the kernel allows a mount namespace, a `View`."""
    if arguments[0] == "probe":
        probe(json.loads(arguments[1]))
        return
    be_host(socket.socket(fileno=int(arguments[0])), arguments[1], arguments[2:])


def probe(view: View) -> None:
    """Enter a view and look for a file `probe` in /opt/ml, and for what a layer must hide."""
    enter(view)
    if not Path("/opt/ml/probe").exists():
        sys.exit("what was mounted on /opt/ml is not there")
    if view["base"]:
        folder = Path(view["base"], "folder")
        (folder / "file").unlink()
        folder.rmdir()
        folder.mkdir()
        if list(folder.iterdir()):
            sys.exit("the disk cannot tell of a folder that was replaced")


def be_host(control: socket.socket, folder: str, modules: list[str]) -> None:
    """Import, serve, and in a forked child keep a container."""
    host = os.getpid()
    preload(folder, modules)
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, the shared pages
    control.sendall(b"R")
    accepted = serve(control)
    if accepted is not None:
        keep(*accepted, host)
