"""Container images: tagged by content, looked up in ECR, and pushed when they are missing."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.provisioning import container_images, sbom
from pipelines.provisioning.container_images import ContainerImageError
from pipelines.provisioning.image_engine import EngineError
from pipelines.provisioning.setup import setup
from pipelines.root import ROOT
from pipelines.settings.model import Settings

# Stands for Docker, which the machine that runs the tests may not have: it records its arguments.
DOCKER = """#!/bin/sh
echo "$@" >> "$DOCKER_LOG"
if [ "$1" = login ]; then cat >> "$DOCKER_LOG"; echo >> "$DOCKER_LOG"; fi
case " $DOCKER_FAILS " in *" $1 "*) exit 1;; esac
"""


@pytest.fixture
def containers(tmp_path: Path) -> Path:
    """A copy of the folders of the images."""
    copy = tmp_path / "containers"
    shutil.copytree(container_images.CONTAINERS, copy)
    return copy


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that Docker's commands are kept in."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_LOG", str(tmp_path / "said"))
    return tmp_path / "said"


def test_each_folder_has_a_tag() -> None:
    folders = {folder.name for folder in container_images.CONTAINERS.glob("tally-*")}
    assert {f"tally-{name}" for name in container_images.tags()} == folders
    assert all(len(tag) == 16 and int(tag, 16) >= 0 for tag in container_images.tags().values())


@pytest.mark.parametrize(
    "path",
    ["Dockerfile", "requirements.txt", "bin/train", "script_mode.py", "preload.txt", "new.cfg"],
)
def test_a_changed_file_changes_its_images_tag_alone(containers: Path, path: str) -> None:
    before = container_images.tags(containers)
    assert before == container_images.tags()
    with (containers / "tally-training" / path).open("a") as file:
        file.write("# changed")
    after = container_images.tags(containers)
    assert {name for name in before if before[name] != after[name]} == {"training"}


def test_an_executable_bit_changes_the_tag(containers: Path) -> None:
    (containers / "tally-training" / "bin" / "train").chmod(0o644)
    assert container_images.tags(containers)["training"] != container_images.tags()["training"]


@pytest.mark.parametrize(
    "path", ["requirements.in", "__pycache__/preload.cpython-312.pyc", ".DS_Store"]
)
def test_files_outside_the_image_change_no_tag(containers: Path, path: str) -> None:
    file = containers / "tally-training" / path
    file.parent.mkdir(exist_ok=True)
    file.write_text("changed")
    assert container_images.tags(containers) == container_images.tags()


def locked(name: str) -> str:
    """The lock of an image."""
    return (container_images.CONTAINERS / f"tally-{name}" / "requirements.txt").read_text()


def test_the_inference_image_has_no_pytorch() -> None:
    """Which would make it six times as large: 946 MB of packages in place of 150."""
    assert not re.search(r"^(torch|torchvision|timm|nvidia)", locked("inference"), re.MULTILINE)


@pytest.mark.parametrize("name", container_images.NAMES)
def test_every_package_of_an_image_has_hashes(name: str) -> None:
    """But torch, of which each machine takes another build."""
    pins = re.findall(
        r"^([\w.-]+)==\S+( \\\n    --hash=sha256:[0-9a-f]{64})?", locked(name), re.MULTILINE
    )
    assert {package for package, hashes in pins if not hashes} == (
        {"torch", "torchvision"} if name == "training" else set()
    )
    assert len(pins) >= 5


@pytest.mark.parametrize("name", container_images.NAMES)
def test_an_image_installs_what_was_locked_and_nothing_else(name: str) -> None:
    dockerfile = (container_images.CONTAINERS / f"tally-{name}" / "Dockerfile").read_text()
    options = "--no-cache-dir --no-deps --require-hashes --only-binary :all: -r "
    installs = [line for line in dockerfile.splitlines() if "pip install" in line]
    assert options in installs[0]
    assert len(installs) == (2 if name == "training" else 1)


def test_the_training_image_supports_older_gpu_drivers() -> None:
    dockerfile = (container_images.CONTAINERS / "tally-training" / "Dockerfile").read_text()
    # After the others, so that it brings only the libraries of CUDA; and of the locked versions.
    others, torch = (
        dockerfile.index("/tmp/hashed.txt"),
        dockerfile.index('"$TORCH_INDEX" -r /tmp/t'),
    )
    assert others < torch
    assert "\nARG TORCH_INDEX=https://download.pytorch.org/whl/cu126\n" in dockerfile
    # A version of that index is taken only where the lock names no build (+cpu, +cu130).
    assert re.search(r"^torch==[\d.]+$", locked("training"), re.MULTILINE)
    assert re.search(r"^torchvision==[\d.]+$", locked("training"), re.MULTILINE)
    assert "nvidia" not in locked("training")
    assert "\nENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute," in dockerfile


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContainerImageError, match="no Dockerfile"):
        container_images.tags(tmp_path)


def test_images_in_ecr_are_not_missing(aws: Any, on_aws: Settings) -> None:
    setup(aws.session, on_aws)
    aws.put_image(on_aws.images.training)
    assert container_images.missing(aws.session, on_aws) == {
        "processing": on_aws.images.processing,
        "inference": on_aws.images.inference,
    }


def test_an_image_in_a_format_that_sagemaker_does_not_serve_is_refused(
    aws: Any, on_aws: Settings
) -> None:
    setup(aws.session, on_aws)
    aws.put_image(on_aws.images.inference, "application/vnd.oci.image.manifest.v1+json")
    with pytest.raises(
        ContainerImageError, match=r"as application/vnd\.oci\.image\.manifest"
    ) as caught:
        container_images.missing(aws.session, on_aws)
    repository, tag = str(on_aws.images.inference).split("/")[1].split(":")
    assert f"--repository-name {repository} --image-ids imageTag={tag}\n" in str(caught.value)


def test_missing_images_are_built_and_pushed(
    aws: Any, on_aws: Settings, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sbom, "licences", lambda lock: {})  # downloads every package
    setup(aws.session, on_aws)
    aws.put_image(on_aws.images.processing)
    reports: list[str] = []
    container_images.push(aws.session, on_aws, reports.append)
    training, inference = str(on_aws.images.training), str(on_aws.images.inference)
    folder = container_images.CONTAINERS
    labels = "--label org.opencontainers.image.base.name=python:3.11-slim"
    assert docker.read_text().splitlines() == [
        "buildx version",
        f"login --username AWS --password-stdin {on_aws.registry}",
        "123456789012-auth-token",
        *(
            f"buildx build --platform linux/amd64 --provenance=false --sbom=false {labels} "
            "--output "
            f"type=image,name={image},oci-mediatypes=false,push=true {folder}/tally-{name}"
            for name, image in (("training", training), ("inference", inference))
        ),
    ]
    assert reports[0] == f"exists  {on_aws.images.processing}"
    assert [line.split()[0] for line in reports] == [
        "exists", "push", "on", "sbom", "push", "on", "sbom",
    ]  # fmt: skip
    address = reports[3].split()[1]
    bucket, key = address.removeprefix("s3://").split("/", 1)
    assert key == f"tally/images/{training.split('/')[1].replace(':', '-')}.cdx.json"
    stored = aws.session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert json.loads(stored)["bomFormat"] == "CycloneDX"
    assert "on python:3.11-slim as it is today; `images --renew-base` pins" in reports[2]


def test_docker_is_not_needed_when_nothing_is_missing(
    aws: Any, on_aws: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup(aws.session, on_aws)
    for image in container_images.ours(on_aws).values():
        aws.put_image(image)
    monkeypatch.setenv("PATH", "")
    container_images.push(aws.session, on_aws, print)


def test_missing_docker_is_reported(
    aws: Any, on_aws: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup(aws.session, on_aws)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="no `docker`, `podman` or `buildah` on this machine"):
        container_images.push(aws.session, on_aws, print)


@pytest.mark.parametrize("command", ["login", "build"])
def test_a_docker_command_that_fails_is_named(
    aws: Any, on_aws: Settings, docker: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    setup(aws.session, on_aws)
    monkeypatch.setenv("DOCKER_FAILS", f"{command} buildx")
    with pytest.raises(EngineError, match=f"`docker {command} .*` failed"):
        container_images.push(aws.session, on_aws, print)


def test_a_missing_repository_is_reported(aws: Any, on_aws: Settings) -> None:
    with pytest.raises(ContainerImageError, match="no image repository tally-processing") as caught:
        container_images.push(aws.session, on_aws, print)
    assert "python pipeline.py --target aws setup" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["aws"], "Error: There is no image repository tally-processing"),
        (["aws", "--push"], "Error: There is no image repository tally-processing"),
        (["local"], "Error: The target local uses no image from ECR"),
        (["nowhere"], "Error: There is no target 'nowhere'"),
    ],
    ids=["look", "push", "local", "unknown-target"],
)
def test_the_command_reports_what_is_wrong(aws: Any, arguments: list[str], message: str) -> None:
    command = [sys.executable, "pipeline.py", "images", "--target", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    # The first line says that moto is not AWS.
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert error.startswith(message)
