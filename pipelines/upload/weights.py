"""Pretrained weights of one's own: a local folder, uploaded to an address named by its content."""

from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.upload.code import Bundle

SUFFIXES = (".pth", ".pt", ".safetensors")  # as in steps/training/model/weights.py


class WeightsError(UserError):
    """`training.pretrained` names no weights."""


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
    if not path or path.startswith("s3://"):
        return settings, None
    folder = ROOT / path
    names = [f"{backbone}{suffix}" for suffix in SUFFIXES]
    required = " or ".join(names)
    if "://" in path or not folder.is_dir():
        raise WeightsError(
            f"training.pretrained: {path} is neither a folder nor an s3:// prefix. "
            f"It must have the weights of {backbone}: {required}. "
            "Empty (the default): ImageNet's weights."
        )
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        raise WeightsError(
            f"training.pretrained: {folder} has no weights of {backbone}: {required}."
        )
    bundle = Bundle("weights", ((file.name, file.read_bytes()),), packed=False)
    training = settings.training.model_copy(update={"pretrained": bundle.prefix(settings)})
    return settings.model_copy(update={"training": training}), bundle
