"""What of a container's command a warm host can run in place, with its imports done."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from sagemaker_emulator.containers.host.channel import Launch

# Read by the interpreter or the loader before a warm child could set them.
_READ_AT_START = re.compile(r"PYTHON|LD_|MALLOC_|OPENBLAS_|MKL_|KMP_|GOMP_")


def find(launch: Launch, environment: str, own: Iterable[str]) -> list[str] | None:
    """Return the Python file that a command runs, and its arguments; None if it runs another thing.

    Args:
        launch: What runs, with its PATH.
        environment: The folder of the image's environment, whose Python the host has.
        own: The names of the variables that the container was given.
    """
    if any(_READ_AT_START.match(name) for name in own):
        return None
    program, *arguments = launch["argv"]
    path = shutil.which(program, path=launch["environment"]["PATH"])
    if path is None:
        return None
    if re.fullmatch(r"python(3(\.\d+)?)?", Path(program).name):
        is_own = Path(path).parent == Path(environment, "bin")
        return arguments if is_own and arguments and not arguments[0].startswith("-") else None
    with Path(path).open("rb") as file:
        first = file.readline(200)
    is_python = re.match(rb"#!\s*/usr/bin/env\s+python3?\s*$", first)
    return [path, *arguments] if is_python else None
