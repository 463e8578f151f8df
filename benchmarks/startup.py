"""Seconds that commands of pipeline.py take: `.venv/bin/python benchmarks/startup.py`.

They run against the local target with the state that it has. The emulator is started first, so its
start is not measured.
"""

import argparse
import statistics
import subprocess
import sys
import time

from repository import ROOT

COMMANDS = ["--help", "start --help", "list", "status", "models", "endpoint", "emulator status"]
AIMS = {"--help": 0.4, "start --help": 0.4}
DEFAULT_AIM = 1.5


def once(words: list[str]) -> float:
    """Seconds of one call, whatever its result."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "pipeline.py", *words], cwd=ROOT, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    """Print the median, minimum and maximum of several calls of each command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="calls of each command (default: 7)")
    runs = parser.parse_args().runs
    subprocess.run(
        [sys.executable, "pipeline.py", "emulator", "up"], cwd=ROOT, check=True, capture_output=True
    )
    print(f"{'command':<18}{'median':>8}{'min':>8}{'max':>8}{'aim':>8}")
    for command in COMMANDS:
        seconds = [once(command.split()) for _ in range(runs)]
        values = (statistics.median(seconds), min(seconds), max(seconds))
        print(
            f"{command:<18}"
            + "".join(f"{value:>8.2f}" for value in values)
            + f"{AIMS.get(command, DEFAULT_AIM):>8.1f}"
        )


if __name__ == "__main__":
    main()
