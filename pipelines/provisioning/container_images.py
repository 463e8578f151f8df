"""The images that the steps run in, each tagged with the hash of what it is made of.

An unchanged folder keeps its tag, so SageMaker's step cache sees unchanged arguments; a changed one
gets another, so no job runs in an old image.
"""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import NAME
from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.upload.code import content_hash

if TYPE_CHECKING:
    import boto3

CONTAINERS = ROOT / "containers"
NAMES = ("processing", "training", "inference")
# SageMaker makes a model of no other: of neither OCI's format, which Docker writes by itself since
# version 29, nor the index of manifests that attestations make out of an image.
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PLAIN_IMAGE = ("--provenance=false", "--sbom=false")


class ImagesError(UserError):
    """An image cannot be named, built, found or pushed."""


def tags(containers: Path = CONTAINERS) -> dict[str, str]:
    """The tag of each image, by name: the hash of its folder.

    Args:
        containers: The folder that holds a folder for each image.

    Raises:
        ImagesError: The folder of an image is missing.
    """
    return {name: content_hash(_files(containers / f"{NAME}-{name}")) for name in NAMES}


def ours(settings: Settings) -> dict[str, str]:
    """The images that are built from `containers/`, by name; not those that the settings name.

    Args:
        settings: Resolved settings.
    """
    return {
        name: f"{settings.registry}/{NAME}-{name}:{tag}"
        for name, tag in tags().items()
        if getattr(settings.images, name) == f"{settings.registry}/{NAME}-{name}:{tag}"
    }


def check_target(settings: Settings) -> None:
    """See that the target takes images from ECR, before anything is opened to look for them.

    Args:
        settings: Of the target, resolved or not.

    Raises:
        ImagesError: It does not.
    """
    if not settings.images.from_ecr:
        raise ImagesError(
            f"The target {settings.target} takes no image from ECR (`images.from_ecr` in its "
            "settings), so there is nothing to push. For AWS: --target aws."
        )


def missing(session: "boto3.Session", settings: Settings) -> dict[str, str]:
    """Those of our images that ECR does not have, by name.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        ImagesError: ECR has no repository for an image, or the image in a format that SageMaker
            does not serve, or does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    ecr = session.client("ecr")
    found = {}
    for name, image in ours(settings).items():
        repository, tag = image.split("/", 1)[1].rsplit(":", 1)
        try:
            told = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
            kind = told["imageDetails"][0].get("imageManifestMediaType", MANIFEST)
            if kind != MANIFEST:
                raise ImagesError(
                    f"ECR has {image} as {kind}, of which SageMaker makes no model: it wants "
                    f"{MANIFEST}. Another one takes its tag only when it is gone:\n"
                    f"aws ecr batch-delete-image --region {settings.region} "
                    f"--repository-name {repository} --image-ids imageTag={tag}\n"
                    f"PIPELINE_TARGET={settings.target} make images"
                )
        except ecr.exceptions.ImageNotFoundException:
            found[name] = image
        except ecr.exceptions.RepositoryNotFoundException:
            raise ImagesError(
                f"There is no image repository {repository} in {settings.registry}. "
                f"Make it: python pipeline.py --target {settings.target} setup"
            ) from None
        except ClientError as error:
            said = error.response["Error"]
            raise ImagesError(
                f"ECR does not say whether it has {image} ({said['Code']}: {said['Message']}). "
                "The permission that is needed: ecr:DescribeImages."
            ) from None
        except BotoCoreError as error:
            raise ImagesError(f"ECR cannot be reached: {error}") from None
    return found


def push(session: "boto3.Session", settings: Settings, say: Callable[[str], None]) -> None:
    """Build those of our images that ECR does not have, and push them.

    Args:
        session: The target's session.
        settings: Resolved settings.
        say: Is told of each image, before the minutes that it takes.

    Raises:
        ImagesError: A repository is missing, or Docker is, or one of its commands failed.
    """
    absent = missing(session, settings)
    for name, image in ours(settings).items():
        if name not in absent:
            say(f"found   {image}")
    if absent:
        _log_in(session, settings)
    for name, image in absent.items():
        folder = CONTAINERS / f"{NAME}-{name}"
        say(f"push    {image} from {os.path.relpath(folder)}/")
        output = f"type=image,name={image},oci-mediatypes=false,push=true"
        platform = ("--platform", "linux/amd64")
        _docker("buildx", "build", *platform, *PLAIN_IMAGE, "--output", output, str(folder))


def _log_in(session: "boto3.Session", settings: Settings) -> None:
    from botocore.exceptions import ClientError

    if not shutil.which("docker"):
        raise ImagesError(
            "There is no `docker` on this machine, and images are built with it. Install Docker, "
            "or push from a machine that has it; the workflow retrain.yml does on GitHub."
        )
    try:
        token = session.client("ecr").get_authorization_token()["authorizationData"][0]
    except ClientError as error:
        said = error.response["Error"]
        raise ImagesError(
            f"ECR gives no password for Docker ({said['Code']}: {said['Message']}). "
            "The permission that is needed: ecr:GetAuthorizationToken."
        ) from None
    user, password = base64.b64decode(token["authorizationToken"]).decode().split(":", 1)
    _docker("login", "--username", user, "--password-stdin", settings.registry, given=password)


def _docker(*words: str, given: str | None = None) -> None:
    """Run a Docker command; its output is the person's, as it comes."""
    done = subprocess.run(["docker", *words], input=given, text=True)
    if done.returncode:
        raise ImagesError(
            f"`docker {' '.join(words)}` failed, with the reason above. "
            "`docker info` says whether Docker runs and may be used by you, and "
            "`docker buildx version` whether it can build."
        )


def _files(folder: Path) -> list[tuple[str, bytes]]:
    """What the image is made of. Whether a file is executable is part of it."""
    if not (folder / "Dockerfile").is_file():
        raise ImagesError(f"The folder of an image has no Dockerfile: {folder}.")
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.is_file()
        # requirements.txt is locked from it; the others are not the image's.
        and file.name != "requirements.in"
        and file.suffix != ".pyc"
        and not file.name.startswith(".")
    )
    return [
        (
            f"{file.relative_to(folder).as_posix()} {file.stat().st_mode & 0o100:o}",
            file.read_bytes(),
        )
        for file in files
    ]
