"""Train weights on drawn bins, as a starting point for training on real ones.

It draws thousands of bins like the demo's and trains the recipe on them. The result is a file for
Train's channel `pretrained`.

    .venv-steps/bin/python benchmarks/drawn_weights.py --base \
backbone=efficientnet_lite0,image-size=128,growing=false,epochs=3
    .venv-steps/bin/python benchmarks/accuracy.py --seeds 0 --base \
backbone=efficientnet_lite0,image-size=128,growing=false,epochs=4 --vary weights=reports/drawn
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from accuracy import StepFailed, prepare, run_folder, train
from recipe import RECIPE, varied, well_formed
from repository import REPORTS, ROOT

SEED = 11  # not the demo's


def main() -> int:
    """Draw the bins, train, and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--bins", type=int, default=8000, help="bins to draw (default: 8000)")
    add("--base", type=well_formed, default="epochs=3", metavar="NAME=VALUE[,NAME=VALUE]",
        help="changes to the recipe (default: epochs=3)")  # fmt: skip
    add("--output", type=Path, default=REPORTS / "drawn", help="folder for all results")
    options = parser.parse_args()
    output: Path = options.output.resolve()
    recipe = varied(RECIPE, options.base)
    bins = output / f"bins-{options.bins}"
    draw = [sys.executable, "-m", "demo.bins", "--output", str(bins), "--seed", str(SEED)]
    if subprocess.run([*draw, "--bins", str(options.bins)], cwd=ROOT).returncode:
        return 1
    try:
        images = prepare(str(bins), 0, bins.with_name(f"{bins.name}-prepared"), recipe)
        model = train(images, recipe, 0, run_folder(output, recipe, 0))
    except StepFailed as error:
        print(f"drawn_weights: {error}", file=sys.stderr)
        return 1
    weights = output / f"{recipe['backbone']}.pth"
    shutil.copy(model / "model.pt", weights)
    print(f"weights: {weights}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
