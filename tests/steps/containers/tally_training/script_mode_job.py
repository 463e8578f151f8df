"""A job of script mode: its folder, its code, and the image's `train` as a process."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

IMAGE = Path(__file__).parents[4] / "containers" / "tally-training"


def job(
    root: Path, hyperparameters: dict[str, Any], channels: tuple[str, ...] = ("train",)
) -> Path:
    config = root / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    (config / "inputdataconfig.json").write_text(json.dumps({name: {} for name in channels}))
    (config / "resourceconfig.json").write_text(
        json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]})
    )
    for name in channels:
        (root / "input" / "data" / name).mkdir(parents=True)
    return root


def tarball(file: Path, scripts: dict[str, str]) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for name, text in scripts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return file


def run(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SAGEMAKER_", "AWS_"))}
    return subprocess.run(
        [sys.executable, str(IMAGE / "bin" / "train")],
        env=clean | {"OPT_ML": str(root), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
