"""Container engines: what each is asked to do, and what its answers mean."""

import os
from pathlib import Path

import pytest

from pipelines.provisioning import image_engine
from pipelines.provisioning.image_engine import Engine, EngineError

# Stands for an engine: it records its arguments, and knows the digests that the test gives it.
PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >> "$ENGINE_LOG"
[ "$1" = inspect ] && echo "$ENGINE_INSPECTS"
[ "$1" != "$ENGINE_FAILS" ]
"""
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the commands of docker, podman and buildah are kept in."""
    for name in image_engine.PROGRAMS:
        (tmp_path / name).write_text(PROGRAM)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ENGINE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("ENGINE_INSPECTS", "")
    monkeypatch.setenv("ENGINE_FAILS", "")
    return tmp_path / "log"


@pytest.mark.parametrize(
    ("engine", "commands"),
    [
        (
            Engine("docker", has_buildx=True),
            [
                "docker buildx build --platform linux/amd64 --provenance=false --sbom=false "
                "--label a=b --output type=image,name=r/i:1,oci-mediatypes=false,push=true folder"
            ],
        ),
        (
            Engine("docker"),
            [
                "docker build --platform linux/amd64 --label a=b --tag r/i:1 folder",
                "docker push r/i:1",
            ],
        ),
        (
            Engine("podman"),
            [
                "podman build --platform linux/amd64 --format docker --label a=b --tag r/i:1 "
                "folder",
                "podman push --format v2s2 r/i:1",
            ],
        ),
    ],
    ids=["buildx", "docker", "podman"],
)
def test_each_engine_makes_the_format_that_sagemaker_needs(
    log: Path, engine: Engine, commands: list[str]
) -> None:
    engine.build_and_push("r/i:1", Path("folder"), {"a": "b"})
    assert log.read_text().splitlines() == commands


@pytest.mark.parametrize(
    ("fails", "has_buildx"), [("", True), ("buildx", False)], ids=["there", "missing"]
)
def test_docker_without_buildx_uses_its_former_builder(
    log: Path, monkeypatch: pytest.MonkeyPatch, fails: str, has_buildx: bool
) -> None:
    monkeypatch.setenv("ENGINE_FAILS", fails)
    assert image_engine.find() == Engine("docker", has_buildx=has_buildx)
    assert image_engine.find(("podman", "buildah")) == Engine("podman")


def test_a_digest_is_that_of_the_registry(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_INSPECTS", f'[{{"RepoDigests": ["python@{DIGEST}"]}}]')
    assert Engine("docker").digest("python:3.11-slim") == DIGEST
    assert log.read_text().splitlines()[0] == "docker pull --platform linux/amd64 python:3.11-slim"


@pytest.mark.parametrize("answer", ["", "[]", '[{"RepoDigests": []}]', "no json"])
def test_an_image_without_a_digest_is_reported(
    log: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setenv("ENGINE_INSPECTS", answer)
    with pytest.raises(EngineError, match="shows no RepoDigests of python:3"):
        Engine("docker").digest("python:3")


def test_a_pull_that_fails_is_named(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_FAILS", "pull")
    with pytest.raises(EngineError, match="`docker pull --platform linux/amd64 x:1` failed"):
        Engine("docker").digest("x:1")
