"""The container images that the steps run in, each tagged with the hash of its contents.

An unchanged folder keeps its tag, so SageMaker's step cache sees unchanged arguments; a changed one
gets another tag, so no job runs in an old image.
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import NAME
from pipelines.errors import UserError
from pipelines.provisioning import base_images, image_engine
from pipelines.provisioning.image_engine import MANIFEST, Engine
from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.upload.code import content_hash

if TYPE_CHECKING:
    import boto3
    from botocore.exceptions import ClientError

CONTAINERS = ROOT / "containers"
NAMES = ("processing", "training", "inference")


class ContainerImageError(UserError):
    """An image cannot be tagged, built, found or pushed."""


def tags(containers: Path = CONTAINERS) -> dict[str, str]:
    """The tag of each image, by name: the hash of its folder.

    Args:
        containers: The folder with a folder for each image.

    Raises:
        ContainerImageError: The folder of an image is missing.
    """
    return {name: content_hash(_files(containers / f"{NAME}-{name}")) for name in NAMES}


def ours(settings: Settings) -> dict[str, str]:
    """The images built from `containers/`, by name; without those that the settings replace.

    Args:
        settings: Resolved settings.
    """
    return {
        name: f"{settings.registry}/{NAME}-{name}:{tag}"
        for name, tag in tags().items()
        if getattr(settings.images, name) == f"{settings.registry}/{NAME}-{name}:{tag}"
    }


def check_target(settings: Settings) -> None:
    """Refuse a target that uses no images from ECR.

    Args:
        settings: The target's, resolved or not.

    Raises:
        ContainerImageError: The target uses no images from ECR.
    """
    if not settings.images.from_ecr:
        raise ContainerImageError(
            f"The target {settings.target} uses no image from ECR (`images.from_ecr` in its "
            "settings is false), so there is nothing to push. For AWS: --target aws."
        )


def missing(session: "boto3.Session", settings: Settings) -> dict[str, str]:
    """The images built from `containers/` that ECR does not have, by name.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        ContainerImageError: ECR has no repository for an image, has the image in a format that
            SageMaker does not serve, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    ecr = session.client("ecr")
    absent = {}
    for name, image in ours(settings).items():
        repository, tag = image.split("/", 1)[1].rsplit(":", 1)
        try:
            response = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
            kind = response["imageDetails"][0].get("imageManifestMediaType", MANIFEST)
            if kind != MANIFEST:
                raise ContainerImageError(
                    f"ECR has {image} as {kind}, from which SageMaker creates no model: it needs "
                    f"{MANIFEST}. Delete the image, then push it again:\n"
                    f"aws ecr batch-delete-image --region {settings.region} "
                    f"--repository-name {repository} --image-ids imageTag={tag}\n"
                    f"PIPELINE_TARGET={settings.target} make images"
                )
        except ecr.exceptions.ImageNotFoundException:
            absent[name] = image
        except ecr.exceptions.RepositoryNotFoundException:
            raise ContainerImageError(
                f"There is no image repository {repository} in {settings.registry}. "
                f"Create it: python pipeline.py --target {settings.target} setup"
            ) from None
        except ClientError as error:
            raise ContainerImageError(
                f"ECR does not report whether it has {image} ({_message(error)}). "
                "The permission needed: ecr:DescribeImages."
            ) from None
        except BotoCoreError as error:
            raise ContainerImageError(f"ECR cannot be reached: {error}") from None
    return absent


def push(session: "boto3.Session", settings: Settings, report: Callable[[str], None]) -> None:
    """Build the images that ECR does not have, and push them.

    Args:
        session: The target's session.
        settings: Resolved settings.
        report: Called with a line about each image, before the minutes that it takes.

    Raises:
        ContainerImageError: A repository is missing.
        EngineError: There is no container engine, or one of its commands failed.
    """
    absent = missing(session, settings)
    for name, image in ours(settings).items():
        if name not in absent:
            report(f"exists  {image}")
    if not absent:
        return
    engine = image_engine.find()
    _log_in(engine, session, settings)
    for name, image in absent.items():
        folder = CONTAINERS / f"{NAME}-{name}"
        base = base_images.read(folder)
        report(f"push    {image} from {os.path.relpath(folder)}/")
        if not base.digest:
            report(f"        on {base.name} as it is today; `images --renew-base` pins its digest")
        engine.build_and_push(image, folder, base.labels)
        report(f"sbom    {_send_bill(session, settings, name)}")


def bill(name: str, tag: str, containers: Path = CONTAINERS) -> str:
    """The bill of materials of an image, as CycloneDX JSON.

    Args:
        name: processing, training or inference.
        tag: Its tag, from `tags`.
        containers: The folder with a folder for each image.

    Raises:
        UserError: Its packages cannot be fetched, from which their licences are read.
    """
    from pipelines.provisioning import sbom

    folder = containers / f"{NAME}-{name}"
    lock, base = folder / "requirements.txt", base_images.read(folder)
    return sbom.render(f"{NAME}-{name}:{tag}", lock, base, sbom.licences(lock))


def write_bills(folder: Path, report: Callable[[str], None]) -> None:
    """Write the bill of materials of each image.

    Args:
        folder: Where to; made if it is missing.
        report: Called with a line about each file.

    Raises:
        UserError: As `bill`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, tag in tags().items():
        file = folder / f"{NAME}-{name}-{tag}.cdx.json"
        file.write_text(bill(name, tag))
        report(f"sbom    {file}")


def _send_bill(session: "boto3.Session", settings: Settings, name: str) -> str:
    """Write an image's bill into the bucket beside the code, and return its address."""
    from botocore.exceptions import ClientError

    tag = tags()[name]
    key = f"{NAME}/images/{NAME}-{name}-{tag}.cdx.json"
    content = bill(name, tag).encode()
    try:
        session.client("s3").put_object(
            Bucket=settings.bucket_name, Key=key, Body=content,
            ContentType="application/vnd.cyclonedx+json",
        )  # fmt: skip
    except ClientError as error:
        raise ContainerImageError(
            f"The image's bill of materials cannot be written to s3://{settings.bucket_name}/{key} "
            f"({_message(error)}). The permission needed: s3:PutObject. The image is pushed; "
            "`images --sbom FOLDER` writes the bill to this machine."
        ) from None
    return f"s3://{settings.bucket_name}/{key}"


def renew_bases(report: Callable[[str], None], containers: Path = CONTAINERS) -> None:
    """Pin each Dockerfile's base image to the digest that its registry has today.

    Args:
        report: Called with a line about each Dockerfile that has changed.
        containers: The folder with a folder for each image.

    Raises:
        UserError: There is no engine, or a base cannot be pulled.
    """
    folders = [containers / f"{NAME}-{name}" for name in NAMES]
    changed = base_images.renew(folders, image_engine.find())
    for folder, base in changed.items():
        report(f"renewed {os.path.relpath(folder)}/Dockerfile: {base.name}@{base.digest}")
    if not changed:
        report("The base images are those of today.")


def _log_in(engine: Engine, session: "boto3.Session", settings: Settings) -> None:
    from botocore.exceptions import ClientError

    try:
        token = session.client("ecr").get_authorization_token()["authorizationData"][0]
    except ClientError as error:
        raise ContainerImageError(
            f"ECR gives no password for {engine.program} ({_message(error)}). "
            "The permission needed: ecr:GetAuthorizationToken."
        ) from None
    user, password = base64.b64decode(token["authorizationToken"]).decode().split(":", 1)
    engine.log_in(settings.registry, user, password)


def _message(error: "ClientError") -> str:
    return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"


def _files(folder: Path) -> list[tuple[str, bytes]]:
    """The files that make the image, each with its path and whether it is executable."""
    if not (folder / "Dockerfile").is_file():
        raise ContainerImageError(f"The image folder {folder} has no Dockerfile.")
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.is_file()
        # requirements.txt is locked from requirements.in; the others are not part of the image.
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
