"""The folders that SageMaker gives a training job, and the error that its owner can fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHANNEL = "SM_CHANNEL_"


class TrainingError(Exception):
    """A problem that the person who started the training can fix; shown without a traceback."""


@dataclass(frozen=True)
class Environment:
    """The folders of one job; any that do not exist are created when used."""

    channels: dict[str, Path]
    model: Path
    output: Path
    checkpoints: Path

    def channel(self, name: str) -> Path:
        """The folder of a channel.

        Raises:
            TrainingError: the job has no such channel.
        """
        folder = self.channels.get(name)
        if folder is None or not folder.is_dir():
            existing = ", ".join(sorted(self.channels)) or "none"
            raise TrainingError(
                f"channel '{name}' is missing (channels of this job: {existing}); add it to the "
                f"job's InputDataConfig: a folder with one subfolder of images for each count"
            )
        return folder

    @staticmethod
    def read(variables: Mapping[str, str]) -> Environment:
        """Read SageMaker's variables; without them, use its fixed folders below `$OPT_ML`."""
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
