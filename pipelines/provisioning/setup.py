"""The AWS resources that the pipeline needs, created where they are missing, on either target.

They are those of `infrastructure/tally.yaml`, and the address that stands for "no model yet".
"""

from typing import TYPE_CHECKING

from pipelines import NAME
from pipelines.parameters import no_model
from pipelines.provisioning import container_images, template, watching
from pipelines.provisioning.item import Item, error_code, explained
from pipelines.provisioning.kinds import KINDS
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

NO_MODEL = (
    "This address stands for `no model is approved yet`: the pipeline's parameter ApprovedModel\n"
    "points here until a model version is approved. `python pipeline.py setup` created it.\n"
)


def setup(session: "boto3.Session", settings: Settings) -> list[Item]:
    """Create the missing resources that the pipeline needs.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Returns:
        Every resource, created or not.

    Raises:
        SetupError: A permission is missing, or a name belongs to somebody else.
    """
    items = []
    for resource in template.resources(settings):
        if resource.name in _replaced_images(settings):
            continue
        kind = KINDS[resource.type]
        with explained(kind.service):
            items.append(kind.ensure(session, settings, resource))
    with explained("s3"):
        items.append(_no_model(session, settings))
        watching.markers(session, settings)
    if settings.watch.schedule:
        with explained("scheduler"):
            items.append(watching.schedule(session, settings, settings.watch.schedule))
    return items


def _replaced_images(settings: Settings) -> set[str]:
    """The repositories of images that the settings replace by others, or by none from ECR."""
    used = container_images.ours(settings) if settings.images.from_ecr else {}
    return {f"{NAME}-{name}" for name in container_images.NAMES if name not in used}


def _no_model(session: "boto3.Session", settings: Settings) -> Item:
    s3, address = session.client("s3"), no_model(settings)
    name, key = settings.bucket_name, address.split("/", 3)[3] + "README.txt"
    if error_code(lambda: s3.head_object(Bucket=name, Key=key)) is None:
        return Item("no-model marker", address, "exists")
    s3.put_object(Bucket=name, Key=key, Body=NO_MODEL.encode())
    return Item("no-model marker", address, "created")
