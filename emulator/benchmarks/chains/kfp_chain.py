"""The chain by KFP's SubprocessRunner: each component a process in this environment."""

import argparse
import json
import tempfile
from pathlib import Path

from kfp import dsl, local


@dsl.component(install_kfp_package=False)
def add_time(times: list[float]) -> list[float]:
    """Add now. A component's code is copied without the rest of the file."""
    import time

    return [*times, time.time()]


def main() -> None:
    """Run the chain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--times", type=Path, required=True)
    arguments = parser.parse_args()

    @dsl.pipeline
    def chain() -> list[float]:
        task = add_time(times=[])
        for _ in range(arguments.steps - 1):
            task = add_time(times=task.output)
        return task.output

    with tempfile.TemporaryDirectory() as folder:
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=folder)
        arguments.times.write_text(json.dumps(chain().output))


if __name__ == "__main__":
    main()
