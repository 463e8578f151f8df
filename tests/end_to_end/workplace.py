"""What the end-to-end tests share: drawn bins, an emulator, and the command line."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Small enough for two cores and a minute, with every step still doing all of its work.
TINY = {
    "SubsetSize": "60",
    "ImageSize": "64",
    "MaxTrials": "2",
    "EpochsMin": "2",
    "EpochsMax": "2",
    "AccuracyThreshold": "0",
}


@dataclass(frozen=True)
class Workplace:
    """A folder with drawn bins, and the command line with an emulator of its own."""

    folder: Path
    bins: Path
    environment: dict[str, str]

    def run(
        self, *words: str, check: int | None = 0, seconds: float = 240
    ) -> subprocess.CompletedProcess[str]:
        """Run `python pipeline.py WORDS` and check its exit code (`check`; None: any)."""
        done = subprocess.run(
            [sys.executable, "pipeline.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if check is not None and done.returncode != check:
            raise AssertionError(
                f"pipeline.py {' '.join(words)} exited with {done.returncode}, not {check}\n"
                f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
            )
        assert "Traceback (most recent call last)" not in done.stderr, done.stderr
        return done

    def notebook(self, name: str) -> str:
        """Run a notebook's cells in its folder, and return what they displayed."""
        folder = ROOT / "notebooks"
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("notebook.py"), folder / name],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def read(self, *words: str) -> Any:
        """The value that a command prints with `--json`."""
        return json.loads(self.run(*words, "--json").stdout)

    def start(self, check: int = 0, **parameters: str) -> dict[str, Any]:
        """Start the pipeline with tiny settings, wait, and return its status."""
        chosen = {**TINY, "DataSource": str(self.bins), **parameters}
        options = [word for name, value in chosen.items() for word in ("-p", f"{name}={value}")]
        self.run("start", "--wait", *options, check=check)
        status: dict[str, Any] = self.read("status")
        return status

    def models(self) -> list[dict[str, Any]]:
        """The model versions, newest first."""
        models: list[dict[str, Any]] = self.read("models")
        return models
