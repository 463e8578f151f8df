"""Paths below /opt/ml, as those of a job's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

OPT_ML = "/opt/ml"
DRIVERS = f"{OPT_ML}/input/data/sm_drivers"


def relocate(value: Any, folder: Path) -> Any:
    """Replace /opt/ml at the start of every string of a JSON-like value by the job's folder."""
    if isinstance(value, str):
        if value == OPT_ML or value.startswith(OPT_ML + "/"):
            return str(folder) + value[len(OPT_ML) :]
        # --option=/opt/ml/... is the other form in which arguments name a path
        head, equals, tail = value.partition(f"={OPT_ML}/")
        return f"{head}={folder}/{tail}" if equals else value
    if isinstance(value, Mapping):
        return {key: relocate(item, folder) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [relocate(item, folder) for item in value]
    return value


def relocate_drivers(folder: Path) -> None:
    """Replace /opt/ml in the scripts of the SageMaker SDK's channel, which name it throughout.

    With them ModelTrainer runs its SourceCode. They are the job's own copies.
    """
    for file in (folder / DRIVERS[len(OPT_ML) + 1 :]).rglob("*"):
        if file.suffix in (".sh", ".py"):
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(f"{OPT_ML}/", f"{folder}/"), encoding="utf-8")
