"""`--runtime docker`: the real images, with the same folder on /opt/ml."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagemaker_emulator.containers.environment import Log
from sagemaker_emulator.containers.image import Image, ImageError
from sagemaker_emulator.containers.sandbox import HOST_NAME

LABEL = "emulator.state"  # on every container: the state folder of the emulator that started it


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
    tag = f"{image.name}:emulator"
    if not _has(tag):  # else docker finds every layer that has not changed, in a moment
        log(f"Building image {image.name} from {dockerfile}; the first time takes minutes")
    built = subprocess.run(
        ["docker", "build", "--quiet", "--tag", tag, str(image.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        raise ImageError(f"docker could not build {dockerfile}:\n{built.stdout[-2000:]}")
    return tag


def _has(reference: str) -> bool:
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", reference]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def command(
    name: str,
    reference: str,
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    owner: str,
) -> list[str]:
    """The `docker run` of a container.

    It shares the host's network, where the emulator listens on loopback, and runs as the user who
    started the emulator, so that what it writes can be collected. `arguments[0]` becomes the
    entry point where it is a path or a processing job's entry point, as SageMaker does.

    Args:
        name: of the container, for `remove`.
        reference: of `ensure`.
        folder: seen at /opt/ml.
        arguments: program and arguments.
        environment: its variables.
        owner: whose container it is, for `sweep`.
    """
    # The user is none that the image knows, and has no home there.
    known = {"HOME": "/tmp", "USER": "emulator", **environment}
    variables = [part for k, v in known.items() for part in ("--env", f"{k}={v}")]
    return [
        *("docker", "run", "--rm", "--init", "--network", "host"),
        *("--add-host", f"{HOST_NAME}:127.0.0.1"),
        *("--name", name, "--label", f"{LABEL}={owner}"),
        *("--user", f"{os.getuid()}:{os.getgid()}"),
        *("--volume", f"{folder}:/opt/ml", "--workdir", "/opt/ml"),
        *variables,
        *("--entrypoint", arguments[0], reference, *arguments[1:]),
    ]


def remove(*names: str) -> None:
    """End containers at once; those that have ended are gone already.

    A SIGKILL reaches the client of `docker run` only, never what it runs.
    """
    subprocess.run(["docker", "rm", "--force", *names], capture_output=True, check=False)


def sweep(owner: str) -> None:
    """End the containers that an emulator left behind when it was killed."""
    asked = ["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}={owner}"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    if found:
        remove(*found)
