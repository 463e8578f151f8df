"""Renew the lock of each image: requirements.txt, compiled from requirements.in beside it.

Run by `make lock`. Every package has the sha256 of its files, so that an image is built only from
what was locked; torch and torchvision have none, as each machine takes the build that it can use
(docs/decisions/locks-are-requirements-files.md).

Usage: lock.py UV FOLDER...
"""

import re
import subprocess
import sys
from pathlib import Path

WITHOUT_HASHES = ("torch", "torchvision")
# A pin with its hashes: a line, and those that a backslash continues it with.
PIN = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?P<rest>[^\\\n]*(?:\\\n[^\\\n]*)*)\n", re.M
)
OPTIONS = (
    "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
    "--python-version", "3.11", "--generate-hashes",
)  # fmt: skip


def main(uv: str, *folders: str) -> None:
    """Compile the lock of each folder; uv's own message says why one cannot be."""
    for folder in map(Path, folders):
        lock, overrides = folder / "requirements.txt", folder / "overrides.txt"
        if lock.is_file():
            # Else uv would prefer the version without a suffix, and lock the libraries of CUDA.
            lock.write_text(
                PIN.sub(lambda pin: "" if pin["name"] == "torch" else pin[0], lock.read_text())
            )
        chosen = ("--override", str(overrides)) if overrides.is_file() else ()
        source, target = str(folder / "requirements.in"), ("--output-file", str(lock))
        if code := subprocess.run(
            [uv, "pip", "compile", *OPTIONS, source, *chosen, *target]
        ).returncode:
            sys.exit(code)
        lock.write_text(PIN.sub(_without_build, lock.read_text()))


def _without_build(pin: re.Match[str]) -> str:
    if pin["name"] not in WITHOUT_HASHES:
        return pin[0]
    return f"{pin['name']}=={pin['version'].split('+')[0]}\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
