"""The chain without any tool: a loop that starts a process for each step."""

import argparse
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Run the chain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--times", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.json") for number in range(arguments.steps + 1)]
        for source, target in itertools.pairwise(files):
            work = Path(__file__).with_name("add_time.py")
            subprocess.run([sys.executable, work, source, target], check=True)
        arguments.times.write_text(files[-1].read_text())


if __name__ == "__main__":
    main()
