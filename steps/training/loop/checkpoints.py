"""Checkpoints: the newest epoch on disk, from which an interrupted training resumes.

SageMaker copies /opt/ml/checkpoints to S3 while a job with a CheckpointConfig runs, and back before
a job starts (developer guide, "Enable checkpointing"). Several jobs can share one address, as the
trials of a tuning job do, so a checkpoint contains the identity of its training.
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
    """One file, replaced after each epoch; without its folder nothing is saved."""

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        """Use a folder for one training.

        Args:
            folder: exists if the platform keeps checkpoints; it is not created.
            identity: plain values by name, which are equal for the same training only.
        """
        self._folder, self._identity = folder, identity
        self._announced = False

    @property
    def file(self) -> Path:
        """The checkpoint file."""
        return self._folder / NAME

    def save(self, epoch: int, state: dict[str, Any]) -> None:
        """Replace the last checkpoint.

        The file is complete at every moment: a process killed while writing leaves the last one.
        A full disk leaves it, too, and does not end the training: a message is printed.
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
        except (OSError, RuntimeError) as error:  # torch hides the system's error
            free = shutil.disk_usage(self._folder).free / 1e6
            partial.unlink(missing_ok=True)
            print(
                f"no checkpoint of epoch {epoch}: {self.file} cannot be written, with {free:.1f} "
                f"MB free on its disk ({error}); an interrupted training would resume from the "
                "previous checkpoint",
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
        """Load the state to resume from; None, with the reason printed, if there is none."""
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


def _difference(saved: dict[str, Any], current: dict[str, Any]) -> str:
    for name in sorted(current.keys() | saved.keys()):
        if saved.get(name) != current.get(name):
            return (
                f"belongs to another training: {name} is {saved.get(name)} there and "
                f"{current.get(name)} here"
            )
    return ""


def _size(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f} MB"
