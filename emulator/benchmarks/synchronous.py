"""What a write would cost if it waited for the disk.

Usage: python emulator/benchmarks/synchronous.py [FOLDER] [--writes 500]

Makes documents in a new database in the folder, which decides about the disk, with SQLite's
`synchronous` NORMAL and FULL in turn, and prints the milliseconds of a write.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sagemaker_emulator.storage import database
from sagemaker_emulator.storage.store import Store

MODEL = {
    "ModelName": "m" * 40,
    "PrimaryContainer": {"Image": "i" * 80, "ModelDataUrl": "s3://bucket/" + "k" * 60},
    "CreationTime": 1.0,
}


def main() -> None:
    """Measure each three times, in turn."""
    parser = argparse.ArgumentParser(description="What a write costs that waits for the disk.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    parser.add_argument("--writes", type=int, default=500)
    arguments = parser.parse_args()
    medians: dict[str, list[float]] = {"NORMAL": [], "FULL": []}
    for _ in range(3):
        for mode, found in medians.items():
            times = measure(arguments.folder, mode, arguments.writes)
            found.append(statistics.median(times))
            print(
                f"{mode:8} median {found[-1]:6.3f} ms   "
                f"mean {statistics.mean(times):6.3f} ms   largest {max(times):6.1f} ms"
            )
    normal, full = (statistics.median(found) for found in medians.values())
    print(f"FULL takes {full / normal:.1f} times as long")
    print(f"Again: python {' '.join(sys.argv)}")


def measure(folder: Path, mode: str, writes: int) -> list[float]:
    """The milliseconds of each write, such as CreateModel's with its tags."""
    database.SYNCHRONOUS = mode
    times = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        store = Store(Path(place, "emulator.db"))
        for number in range(writes):
            began = time.perf_counter()
            with store.transaction():
                store.create("model", f"m{number}", MODEL)
                store.put("tags", f"m{number}", {"team": "stock"})
            times.append((time.perf_counter() - began) * 1000)
        store.close()
    return times


if __name__ == "__main__":
    main()
