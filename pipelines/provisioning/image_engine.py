"""The program that builds and pushes images: Docker, Podman or Buildah, whichever is there.

All make the same format, which SageMaker needs, and take nearly the same commands.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UserError

PROGRAMS = ("docker", "podman", "buildah")
# The only format that SageMaker creates a model from. It accepts neither OCI's, Docker's default
# since version 29, nor the index of manifests that attestations add.
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PLATFORM = ("--platform", "linux/amd64")


class EngineError(UserError):
    """There is no container engine, or one of its commands failed."""


@dataclass(frozen=True)
class Engine:
    """A container engine on this machine.

    Attributes:
        program: docker, podman or buildah.
        has_buildx: Whether it is Docker with buildx, which pushes what it builds.
    """

    program: str
    has_buildx: bool = False

    def log_in(self, registry: str, user: str, password: str) -> None:
        """Sign in to a registry.

        Raises:
            EngineError: The registry refuses, or the engine does not run.
        """
        self._run("login", "--username", user, "--password-stdin", registry, stdin=password)

    def build_and_push(self, image: str, folder: Path, labels: Mapping[str, str]) -> None:
        """Build an image from a folder with a Dockerfile, and push it.

        Args:
            image: Its name, with the registry and the tag.
            folder: The folder.
            labels: Labels to put on the image.

        Raises:
            EngineError: A command failed; its output is above.
        """
        named = [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
        if self.has_buildx:
            output = f"type=image,name={image},oci-mediatypes=false,push=true"
            plain = ("--provenance=false", "--sbom=false")
            self._run("buildx", "build", *PLATFORM, *plain, *named, "--output", output, str(folder))
            return
        form = () if self.program == "docker" else ("--format", "docker")
        self._run("build", *PLATFORM, *form, *named, "--tag", image, str(folder))
        self._run("push", *(() if self.program == "docker" else ("--format", "v2s2")), image)

    def digest(self, image: str) -> str:
        """The digest that a registry has for an image now: sha256:...

        Args:
            image: Its name with a tag.

        Raises:
            EngineError: It cannot be pulled, or the engine knows no digest of it.
        """
        self._run("pull", *PLATFORM, image)
        inspect = ("inspect", "--type", "image", image)
        found = subprocess.run([self.program, *inspect], capture_output=True, text=True)
        try:
            (document,) = json.loads(found.stdout or "[]")[:1]
            digests = [one.rpartition("@")[2] for one in document.get("RepoDigests") or ()]
            digest: str = digests[0]
            return digest
        except (ValueError, IndexError, AttributeError):
            raise EngineError(
                f"`{self.program} {' '.join(inspect)}` shows no RepoDigests of {image}; "
                f"use docker or podman. {found.stderr.strip()}"
            ) from None

    def _run(self, *arguments: str, stdin: str | None = None) -> None:
        """Run a command, whose output goes to the terminal."""
        if subprocess.run([self.program, *arguments], input=stdin, text=True).returncode:
            raise EngineError(
                f"`{self.program} {' '.join(arguments)}` failed, with the reason above. "
                f"`{self.program} info` shows whether it runs and you may use it."
            )


def find(programs: Sequence[str] = PROGRAMS) -> Engine:
    """The engine of this machine.

    Args:
        programs: Which to look for, the best first.

    Raises:
        EngineError: There is none.
    """
    program = next((name for name in programs if shutil.which(name)), None)
    if program is None:
        raise EngineError(
            f"There is no {', '.join(f'`{name}`' for name in programs[:-1])} or `{programs[-1]}` "
            "on this machine to build the images. Install Docker, or push from a machine that has "
            "it; on GitHub, the workflow retrain.yml pushes."
        )
    if program != "docker":
        return Engine(program)
    # Without buildx, as in Debian's package, Docker's former builder makes the same image.
    buildx = subprocess.run(["docker", "buildx", "version"], capture_output=True)
    return Engine(program, has_buildx=not buildx.returncode)
