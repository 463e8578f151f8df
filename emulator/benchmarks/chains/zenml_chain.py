"""The chain by ZenML's local orchestrator, which calls the steps in its own process."""

import argparse
import json
import time
from pathlib import Path

from zenml import pipeline, step


@step
def add_time(times: list[float]) -> list[float]:
    """Add now."""
    return [*times, time.time()]


def main() -> None:
    """Run the chain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--times", type=Path, required=True)
    arguments = parser.parse_args()

    @pipeline(enable_cache=False)
    def chain() -> None:
        times = add_time([])
        for _ in range(arguments.steps - 1):
            times = add_time(times)

    steps = chain().steps
    last = max(steps.values(), key=lambda each: each.end_time)
    arguments.times.write_text(json.dumps(last.output.load()))


if __name__ == "__main__":
    main()
