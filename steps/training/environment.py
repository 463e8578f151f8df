"""The folders that SageMaker gives a training job, and the error that its owner can fix."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
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

    def channel(self, *names: str) -> Path:
        """The folder of a channel.

        Args:
            names: the channel's name, then other names for the same channel.

        Raises:
            TrainingError: the job has no such channel, or has it under two names.
        """
        given = [name for name in names if name in self.channels]
        if len(given) > 1:
            raise TrainingError(
                f"channels {' and '.join(given)} are two names of one channel; give only one"
            )
        name = given[0] if given else names[0]
        folder = self.channels.get(name)
        if folder is None or not folder.is_dir():
            existing = ", ".join(sorted(self.channels)) or "none"
            problem = f"is not a folder: {folder}" if folder else "is missing"
            raise TrainingError(
                f"channel '{name}' {problem} (channels of this job: {existing}); add it to the "
                f"job's InputDataConfig, or by hand set {CHANNEL}{name.upper()}: a folder with one "
                "subfolder of images for each count"
            )
        return folder

    def make_model_folder(self) -> None:
        """Create the model's folder, before hours of training are for nothing.

        Raises:
            TrainingError: it cannot be created.
        """
        try:
            self.model.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"the folder for the model, {self.model}, cannot be created ({error.strerror}); "
                "set SM_MODEL_DIR to another one"
            ) from None

    def write_failure(self, message: str) -> None:
        """Write the file that SageMaker reads the reason of a failure from, in its containers."""
        with suppress(OSError):  # by hand there may be no such folder; the log has the message
            self.output.mkdir(parents=True, exist_ok=True)
            (self.output / "failure").write_text(message)

    @staticmethod
    def read(variables: Mapping[str, str]) -> Environment:
        """Read SageMaker's variables; without them, use its fixed folders below `$OPT_ML`.

        Outside a container, SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION and SM_MODEL_DIR are enough:
        the output is then beside the model, as in a container.

        Raises:
            TrainingError: neither the folders nor SM_MODEL_DIR exist.
        """
        root = Path(variables.get("OPT_ML", "/opt/ml"))
        data = root / "input" / "data"
        channels = {folder.name: folder for folder in data.glob("*") if folder.is_dir()}
        for name, value in variables.items():
            if name.startswith(CHANNEL):
                channels[name.removeprefix(CHANNEL).lower()] = Path(value)
        if "SM_MODEL_DIR" not in variables and not root.is_dir():
            raise TrainingError(
                f"there is no {root}, so this is no training container; to run this script by "
                f"hand, set {CHANNEL}TRAIN, {CHANNEL}VALIDATION and SM_MODEL_DIR to folders"
            )
        model = Path(variables.get("SM_MODEL_DIR", root / "model"))
        return Environment(
            channels=channels,
            model=model,
            output=root / "output" if root.is_dir() else model.parent / "output",
            checkpoints=root / "checkpoints",
        )
