"""The host: what its arguments ask for."""

import gc
import os
import socket
import sys
from pathlib import Path

from .keeper import keep
from .keepers import serve
from .mount_namespace import enter
from .preload import preload


def main(arguments: list[str]) -> None:
    """Be a host, or try (`probe`) whether the kernel allows a mount namespace."""
    if arguments[0] == "probe":
        enter(*arguments[1:])
        sys.exit(not Path("/opt/ml/probe").exists())
    be_host(socket.socket(fileno=int(arguments[0])), arguments[1], arguments[2:])


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
