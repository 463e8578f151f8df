"""`--runtime docker`: the real images, with the job's folder on /opt/ml."""

import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from sagemaker_emulator.containers.environment import Build
from sagemaker_emulator.containers.host.channel import Launch
from sagemaker_emulator.containers.image import Image, ImageError
from sagemaker_emulator.containers.sandbox import Start

LABEL = "emulator.state"  # of every container: the state folder of the emulator that started it


class Docker:
    """Containers of a docker engine, or of podman under its name.

    Args:
        owner: The state folder. Containers that its killed emulator left behind are ended.
    """

    kind: ClassVar[str] = "docker"
    shares_files: ClassVar[bool] = False

    def __init__(self, owner: Path) -> None:
        self._owner = str(owner)
        self.runs_warm = False
        self.close()

    @classmethod
    def failure(cls) -> str:
        """Ask for an engine and return why there is none, or an empty string."""
        if shutil.which("docker") is None:
            return "docker is not installed"
        version = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        if version.returncode == 0:
            return ""
        return version.stderr.strip() or "no docker engine responds"

    def prepare(self, image: Image, build: Build) -> str:
        """Return a reference that docker has: the request's own, else one built from the folder.

        Raises:
            ImageError: The image could not be built.
        """
        if _has(image.uri):
            return image.uri
        dockerfile = image.folder / "Dockerfile"
        if not dockerfile.is_file():
            raise ImageError(f"docker has no image {image.uri!r}, and there is no {dockerfile}.")
        tag = f"{image.name}:emulator"
        if not _has(tag):  # else docker finds every layer that has not changed, in a moment
            build.log(
                f"Building image {image.name} from {dockerfile}; the first time takes minutes"
            )
        command = ["docker", "build", "--quiet", "--tag", tag, str(image.folder)]
        code, lines = build.run(command, os.environ, lambda _: None)
        if code:
            output = "\n".join(lines)[-2000:]
            raise ImageError(f"docker could not build {dockerfile}:\n{output}")
        return tag

    def inside(self, launch: Launch, image: Image, prepared: str) -> Launch:
        return launch  # an image has variables of its own

    def discard(self, launch: Launch) -> None:
        return None

    def warm(self, launch: Launch) -> Start:
        raise NotImplementedError("no docker container is warm")

    def cold(self, launch: Launch, prepared: str) -> Start:
        """The `docker run` of a container.

        It shares the host's network, where the emulator listens on loopback, and runs as the user
        who started the emulator, so that its files can be collected. `argv[0]` becomes the entry
        point, as SageMaker has it.
        """
        name, folder = f"emulator-{secrets.token_hex(6)}", Path(launch["folder"])
        program, *arguments = launch["argv"]
        # The image does not know the user, who has no home in it.
        variables = {"HOME": "/tmp", "USER": "emulator", **launch["environment"]}
        # Every user of the machine can read a command, so it shows no keys; but the client itself
        # must not get the variables that it reads.
        hidden = {name: value for name, value in variables.items() if name.startswith("AWS_")}
        shown = {name: value for name, value in variables.items() if name not in hidden}
        command = [
            *("docker", "run", "--rm", "--init", "--network", "host"),
            *("--hostname", launch["host"]),
            *(part for host in launch["hosts"].items() for part in ("--add-host", ":".join(host))),
            *("--name", name, "--label", f"{LABEL}={self._owner}"),
            *("--user", f"{os.getuid()}:{os.getgid()}"),
            *("--volume", f"{folder}:/opt/ml", "--workdir", "/opt/ml"),
            *(part for name, value in shown.items() for part in ("--env", f"{name}={value}")),
            *(part for name in hidden for part in ("--env", name)),
            *("--entrypoint", program, prepared, *arguments),
        ]
        started: Launch = {
            **launch,
            "argv": command,
            "environment": {**os.environ, **hidden},
            "directory": str(folder.parent),
        }

        def ended(code: int | None) -> None:
            if code is None or code < 0:
                # A signal reaches the client of `docker run` only, never the container.
                _remove(name)

        return Start(started, ended=ended)

    def close(self) -> None:
        command = ["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}={self._owner}"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        if names := listed.stdout.split():
            _remove(*names)


def _has(reference: str) -> bool:
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", reference]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _remove(*names: str) -> None:
    """End containers at once; those that have ended are gone already."""
    subprocess.run(["docker", "rm", "--force", *names], capture_output=True, check=False)
