"""Pretrained weights of one's own: a local folder goes into the bucket, named after its content."""

from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.upload.code import Bundle

SUFFIXES = (".pth", ".pt", ".safetensors")  # as steps/training/model/weights.py looks for them


class WeightsError(UserError):
    """`training.pretrained` names no weights."""


def placed(settings: Settings) -> tuple[Settings, Bundle | None]:
    """The settings with an s3:// address in `training.pretrained`, and what has to be put there.

    Args:
        settings: Resolved settings. A folder is relative to the repository.

    Returns:
        The settings, and the weights' files; None where they are in S3 already, or not given.

    Raises:
        WeightsError: There is no such folder, or no weights of the settings' backbone in it.
    """
    given, backbone = settings.training.pretrained, settings.training.backbone
    if not given or given.startswith("s3://"):
        return settings, None
    folder = ROOT / given
    wanted = [f"{backbone}{suffix}" for suffix in SUFFIXES]
    if "://" in given or not folder.is_dir():
        raise WeightsError(
            f"training.pretrained: {given} is neither a folder nor an s3:// prefix. It must hold "
            f"the weights of {backbone}: {' or '.join(wanted)}."
        )
    found = [folder / name for name in wanted if (folder / name).is_file()]
    if not found:
        raise WeightsError(
            f"training.pretrained: {folder} holds no weights of {backbone}: {' or '.join(wanted)}."
        )
    bundle = Bundle("weights", ((found[0].name, found[0].read_bytes()),), packed=False)
    training = settings.training.model_copy(update={"pretrained": bundle.prefix(settings)})
    return settings.model_copy(update={"training": training}), bundle
