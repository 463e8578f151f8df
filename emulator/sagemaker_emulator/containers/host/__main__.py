"""The host as a program."""

import gc
import os
import socket
import sys
from pathlib import Path

# Python runs a folder as a program, not as a package, which its modules are (PEP 366).
__package__ = "host"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from .keeper import keep
from .keepers import serve
from .mount_namespace import enter
from .preload import preload

del sys.path[:2]  # that, and this folder
for module in [module for module in sys.modules if module.partition(".")[0] == "host"]:
    del sys.modules[module]


def main(control: socket.socket, folder: str, modules: list[str]) -> None:
    """Import, serve, and in a forked child keep a container."""
    host = os.getpid()
    preload(folder, modules)
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, the shared pages
    control.sendall(b"R")
    accepted = serve(control)
    if accepted is not None:
        keep(*accepted, host)


if __name__ == "__main__":
    if sys.argv[1] == "probe":
        enter(sys.argv[2], sys.argv[3], sys.argv[4])
        sys.exit(not Path("/opt/ml/probe").exists())
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], sys.argv[3:])
