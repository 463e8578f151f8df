"""The repository's folders; importing this module makes steps/ and demo/ importable, too."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = ROOT / "steps"
REPORTS = ROOT / "reports"  # where benchmarks keep what took long; git ignores it

sys.path[:0] = [str(STEPS), str(ROOT)]
