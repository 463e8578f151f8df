"""Where SageMaker puts things for a training job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHANNEL = "SM_CHANNEL_"


class TrainingError(Exception):
    """Something the person who started the training can put right; shown without a traceback."""


@dataclass(frozen=True)
class Environment:
    """The folders of one job; those that the platform did not make are made when used."""

    channels: dict[str, Path]
    model: Path
    output: Path
    checkpoints: Path

    def channel(self, name: str) -> Path:
        """The folder of a channel.

        Raises:
            TrainingError: the job was started without it.
        """
        folder = self.channels.get(name)
        if folder is None or not folder.is_dir():
            given = ", ".join(sorted(self.channels)) or "none"
            raise TrainingError(
                f"channel '{name}' is missing (given: {given}); add it to the job's "
                f"InputDataConfig: a folder with one subfolder of images for each count"
            )
        return folder


def read(variables: Mapping[str, str]) -> Environment:
    """Read SageMaker's variables, or its fixed folders under `$OPT_ML` where they are not set."""
    root = Path(variables.get("OPT_ML", "/opt/ml"))
    data = root / "input" / "data"
    channels = {folder.name: folder for folder in data.glob("*") if folder.is_dir()}
    for name, value in variables.items():
        if name.startswith(CHANNEL):
            channels[name.removeprefix(CHANNEL).lower()] = Path(value)
    return Environment(
        channels=channels,
        model=Path(variables.get("SM_MODEL_DIR", root / "model")),
        output=root / "output",
        checkpoints=root / "checkpoints",
    )
