"""`--runtime docker`: the real images, with the same folder on /opt/ml."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator.runtime.environment import Log
from emulator.runtime.image import Image, ImageError


def problem() -> str:
    """Why docker cannot be used here, or an empty string."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    asked = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return "" if asked.returncode == 0 else asked.stderr.strip() or "no docker engine answers"


def ensure(image: Image, log: Log) -> str:
    """Return a reference that docker has: the request's own, else one built from the folder.

    Raises:
        ImageError: the image could not be built.
    """
    if _has(image.uri):
        return image.uri
    dockerfile = image.folder / "Dockerfile"
    if not dockerfile.is_file():
        raise ImageError(f"docker has no image {image.uri!r}, and there is no {dockerfile}.")
    log(f"Building image {image.name} from {dockerfile}")
    built = subprocess.run(
        ["docker", "build", "--quiet", "--tag", f"{image.name}:emulator", str(image.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        raise ImageError(f"docker could not build {dockerfile}:\n{built.stdout[-2000:]}")
    return f"{image.name}:emulator"


def _has(reference: str) -> bool:
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", reference]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def command(
    reference: str, folder: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """The `docker run` of a container.

    It shares the host's network, where the emulator listens on loopback, and runs as the user who
    started the emulator, so that what it writes can be collected. `arguments[0]` becomes the
    entry point where it is a path or a processing job's entry point, as SageMaker does.
    """
    variables = [part for k, v in environment.items() for part in ("--env", f"{k}={v}")]
    return [
        *("docker", "run", "--rm", "--init", "--network", "host"),
        *("--user", f"{os.getuid()}:{os.getgid()}"),
        *("--volume", f"{folder}:/opt/ml", "--workdir", "/opt/ml"),
        *variables,
        *("--entrypoint", arguments[0], reference, *arguments[1:]),
    ]
