"""Run this folder as a program: its modules are imported as the package `host`, and forgotten."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # instead of this folder
    program = importlib.import_module("host.program")
    del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "host"]:
        del sys.modules[name]
    program.main(sys.argv[1:])
