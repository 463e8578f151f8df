"""The newest epoch on disk, for a training that is interrupted and started again.

SageMaker keeps /opt/ml/checkpoints in S3 while a job with a CheckpointConfig runs, and fills it
before the job starts (developer guide, "Enable checkpointing"). Jobs can be given the same address,
as a tuning job's trials are, so what a checkpoint belongs to is written into it and compared.
"""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

NAME = "checkpoint.pt"
UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError)


class Checkpoints:
    """One file in a folder, replaced after each epoch; nothing where there is no such folder."""

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        """Where, and of which training.

        Args:
            folder: made by the platform where it keeps checkpoints, and left alone otherwise.
            identity: what makes two trainings the same one, as plain values by name.
        """
        self._folder, self._identity = folder, identity
        self._announced = False

    @property
    def file(self) -> Path:
        """The checkpoint."""
        return self._folder / NAME

    def save(self, epoch: int, state: dict[str, Any]) -> None:
        """Put a checkpoint in the place of the last one.

        The file is whole at every moment: a process killed while it writes leaves the last one.
        So does a disk that is full, which ends no training: that is said, and the next is tried.
        """
        if not self._folder.is_dir():
            return
        partial = self.file.with_suffix(".partial")
        try:
            with partial.open("wb") as stream:
                torch.save({"identity": self._identity, **state}, stream)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(self.file)
        except (OSError, RuntimeError) as error:  # torch does not say which of the system's it met
            free = shutil.disk_usage(self._folder).free / 1e6
            partial.unlink(missing_ok=True)
            print(
                f"no checkpoint of epoch {epoch}: {self.file} cannot be written, with {free:.1f} "
                f"MB free there ({error}); an interrupted training would go on from the one before",
                flush=True,
            )
            return
        if not self._announced:
            self._announced = True
            print(
                f"checkpoint of epoch {epoch}: {_size(self.file)} in {self.file}, replaced after "
                "each epoch",
                flush=True,
            )

    def load(self) -> dict[str, Any] | None:
        """The state to go on from; nothing, and why in the log, where there is none of ours."""
        self.file.with_suffix(".partial").unlink(missing_ok=True)
        if not self.file.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.file, map_location="cpu", weights_only=True)
            identity = state.pop("identity")
        except UNREADABLE as error:
            reason = f"cannot be read ({type(error).__name__})"
        else:
            reason = _difference(identity, self._identity)
            if not reason:
                print(f"resuming from {self.file} ({_size(self.file)})", flush=True)
                return state
        print(f"{self.file} {reason}; it is ignored and will be replaced", flush=True)
        return None


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    for name in sorted(wanted.keys() | found.keys()):
        if found.get(name) != wanted.get(name):
            return (
                f"is of another training, whose {name} is {found.get(name)} "
                f"and here {wanted.get(name)}"
            )
    return ""


def _size(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f} MB"
