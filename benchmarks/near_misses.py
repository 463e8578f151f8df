"""Accuracy by the worth of an answer that is one item off: docs/decisions/near-misses.md.

The models of `make accuracy` answer the validation images of their splits; the answers are derived
from the same probabilities with several worths.

    .venv-steps/bin/python benchmarks/near_misses.py [--accuracy FOLDER]
"""

import sys

import numpy as np
from answers import answered
from trained import trained_seeds

import decision

WORTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)


def main() -> int:
    """Print the table."""
    seeds = trained_seeds(__doc__)
    found = [answered(one.model, one.images / "validation") for one in seeds]
    heads = [f"{one.name}: exact | within one" for one in seeds]
    heads.append("found of the smallest count | of the largest")
    print("| worth | " + " | ".join(heads) + " |\n|---" + "|---|---" * len(heads) + "|")
    for decision.NEAR in WORTHS:
        cells, ends = [], []
        for one in found:
            off = one.off
            cells += [f"{(off == 0).mean():.1%}", f"{(off <= 1).mean():.1%}"]
            outer = (one.classes[0], one.classes[-1])
            ends.append([(off[one.truth == count] == 0).mean() for count in outer])
        cells += [f"{share:.0%}" for share in np.mean(ends, axis=0)]
        print(f"| {decision.NEAR} | " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
