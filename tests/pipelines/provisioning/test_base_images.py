"""The base images of the Dockerfiles: read, pinned and renewed."""

import shutil
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.provisioning import base_images, container_images
from pipelines.provisioning.base_images import BaseImage
from pipelines.provisioning.image_engine import Engine

OLD, NEW = ("sha256:" + letter * 64 for letter in "ab")


class Registry(Engine):
    """An engine whose registry has `digest_now` for every image."""

    digest_now = NEW

    def digest(self, image: str) -> str:
        return self.digest_now


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Copies of the folders of our images."""
    copy = shutil.copytree(container_images.CONTAINERS, tmp_path / "containers")
    return [Path(copy) / f"tally-{name}" for name in container_images.NAMES]


def test_every_image_of_ours_has_one_base() -> None:
    for name in container_images.NAMES:
        base = base_images.read(container_images.CONTAINERS / f"tally-{name}")
        assert base.name == "python:3.11-slim"


def test_renewing_pins_the_digest_and_changes_the_tags(folders: list[Path]) -> None:
    before = container_images.tags(folders[0].parent)
    changed = base_images.renew(folders, Registry("docker"))
    assert changed == dict.fromkeys(folders, BaseImage("python:3.11-slim", NEW))
    assert f"\nFROM python:3.11-slim@{NEW}\n" in (folders[0] / "Dockerfile").read_text()
    after = container_images.tags(folders[0].parent)
    assert all(before[name] != after[name] for name in container_images.NAMES)
    assert base_images.renew(folders, Registry("docker")) == {}, "nothing has changed since"


def test_a_pinned_base_is_renewed_and_named_in_the_labels(folders: list[Path]) -> None:
    file = folders[0] / "Dockerfile"
    file.write_text(file.read_text().replace("3.11-slim\n", f"3.11-slim@{OLD}\n"))
    assert base_images.read(folders[0]).labels == {
        "org.opencontainers.image.base.name": "python:3.11-slim",
        "org.opencontainers.image.base.digest": OLD,
    }
    base_images.renew(folders[:1], Registry("docker"))
    assert base_images.read(folders[0]) == BaseImage("python:3.11-slim", NEW)


@pytest.mark.parametrize("text", ["", "FROM a\nFROM b\n", "FROM a AS b\n"])
def test_a_dockerfile_without_one_base_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    with pytest.raises(UserError, match="lines like `FROM python:3"):
        base_images.read(tmp_path)
