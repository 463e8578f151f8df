"""Seconds from Enter to the prompt, for each verb of pipeline.py: `python benchmarks/startup.py`.

It asks the local target as it is; the emulator is started first, so that its start is not counted.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERBS = ["--help", "start --help", "list", "status", "models", "endpoint", "emulator status"]
AIMS = {"--help": 0.4, "start --help": 0.4}
USUAL_AIM = 1.5


def once(words: list[str]) -> float:
    """Seconds of one call, whatever it answers."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "pipeline.py", *words], cwd=ROOT, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    """Print the median, the least and the most of several calls of each verb."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="calls of each verb (default: 7)")
    runs = parser.parse_args().runs
    subprocess.run(
        [sys.executable, "pipeline.py", "emulator", "up"], cwd=ROOT, check=True, capture_output=True
    )
    print(f"{'verb':<18}{'median':>8}{'least':>8}{'most':>8}{'aim':>8}")
    for verb in VERBS:
        seconds = [once(verb.split()) for _ in range(runs)]
        values = (statistics.median(seconds), min(seconds), max(seconds))
        print(
            f"{verb:<18}"
            + "".join(f"{value:>8.2f}" for value in values)
            + f"{AIMS.get(verb, USUAL_AIM):>8.1f}"
        )


if __name__ == "__main__":
    main()
