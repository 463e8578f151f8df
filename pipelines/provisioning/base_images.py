"""The base image that a Dockerfile starts from, by name and, where it is pinned, by digest.

A name such as python:3.11-slim moves: its publisher puts security fixes behind it. A pinned digest
is part of the Dockerfile, so of the image's tag: a renewed base is another image, which is built
and pushed, and every execution says which one it ran in. Dependabot renews a digest that is there.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UserError
from pipelines.provisioning.image_engine import Engine

FROM = re.compile(r"^FROM (?P<name>[^\s@]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?$", re.MULTILINE)
LABEL = "org.opencontainers.image.base"


@dataclass(frozen=True)
class BaseImage:
    """The image of a Dockerfile's FROM line; `digest` is empty where the line has none."""

    name: str
    digest: str

    @property
    def labels(self) -> dict[str, str]:
        """The labels by which scanners find the base of an image (OCI's image specification)."""
        named = {f"{LABEL}.name": self.name}
        return named | ({f"{LABEL}.digest": self.digest} if self.digest else {})


def read(folder: Path) -> BaseImage:
    """The base of the image that a folder makes.

    Raises:
        UserError: Its Dockerfile does not start from exactly one image.
    """
    lines = list(FROM.finditer((folder / "Dockerfile").read_text()))
    if len(lines) != 1:
        raise UserError(
            f"{folder / 'Dockerfile'} has {len(lines)} lines like `FROM python:3.11-slim`, with "
            "or without @sha256:…; it must have one."
        )
    return BaseImage(lines[0]["name"], lines[0]["digest"] or "")


def renew(folders: list[Path], engine: Engine) -> dict[Path, BaseImage]:
    """Write the digest that each base has in its registry now into the Dockerfiles.

    Args:
        folders: The folders of the images.
        engine: Pulls the bases.

    Returns:
        The new base of each folder whose Dockerfile has changed.

    Raises:
        UserError: A Dockerfile has no base, or it cannot be pulled.
    """
    bases = {folder: read(folder) for folder in folders}
    digests = {name: engine.digest(name) for name in {base.name for base in bases.values()}}
    changed = {}
    for folder, base in bases.items():
        renewed = BaseImage(base.name, digests[base.name])
        if renewed != base:
            file = folder / "Dockerfile"
            line = f"FROM {renewed.name}@{renewed.digest}"
            file.write_text(FROM.sub(line, file.read_text()))
            changed[folder] = renewed
    return changed
