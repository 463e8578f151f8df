"""Weights that have learnt to count drawn bins, from which a training on real ones can start.

Bins like the demo's are drawn, thousands of them, and the recipe learns from them as if they were
real. What its backbone then knows goes into a file that Train's channel `pretrained` takes.

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

from accuracy import ROOT, StepFailed, place_of, prepare, train
from recipe import RECIPE, varied, well_formed

SEED = 11  # the demo's bins are of another


def main() -> int:
    """Draw, learn, and keep the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--bins", type=int, default=8000, help="how many are drawn (8000)")
    add("--base", type=well_formed, default="epochs=3", metavar="NAME=VALUE[,NAME=VALUE]",
        help="changes to the recipe (epochs=3)")  # fmt: skip
    add("--output", type=Path, default=ROOT / "reports/drawn", help="where all of it is kept")
    options = parser.parse_args()
    output: Path = options.output.resolve()
    recipe = varied(RECIPE, options.base)
    bins = output / f"bins-{options.bins}"
    draw = [sys.executable, "-m", "demo.bins", "--output", bins, "--seed", str(SEED)]
    if subprocess.run([*draw, "--bins", str(options.bins)], cwd=ROOT).returncode:
        return 1
    try:
        images = prepare(str(bins), 0, bins.with_name(f"{bins.name}-prepared"), recipe)
        model = train(images, recipe, 0, place_of(output, recipe, 0))
    except StepFailed as error:
        print(f"drawn_weights: {error}", file=sys.stderr)
        return 1
    weights = output / f"{recipe['backbone']}.pth"
    shutil.copy(model / "model.pt", weights)
    print(f"the weights are in {weights}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
