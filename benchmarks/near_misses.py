"""What an answer that is one item off should be worth: the study of docs/decisions/near-misses.md.

The models of `make accuracy` answer their validation images, each by its own split, and answers are
formed from the same probabilities with several worths. Run:
    .venv-steps/bin/python benchmarks/near_misses.py [--accuracy FOLDER]
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "steps"))

import engine  # noqa: E402
import numpy as np  # noqa: E402
import pixels  # noqa: E402
from evaluation import testset  # noqa: E402

WORTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
BATCH = 50


def answered(model: Path, validation: Path) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Probabilities (n, classes) and truth (n) of the validation images, and the classes."""
    settings = json.loads((model / "model.json").read_text())
    loaded, size = engine.load(model, settings), int(settings["image_size"])
    classes = [int(count) for count in settings["classes"]]
    images = [one for one in testset.find(validation) if one.count in classes]
    rows = [
        loaded.run(np.stack([pixels.decode(one.path.read_bytes(), size) for one in batch]))
        for batch in (images[start : start + BATCH] for start in range(0, len(images), BATCH))
    ]
    return np.concatenate(rows), np.array([one.count for one in images]), classes


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--accuracy", type=Path, default=ROOT / "reports/accuracy", help="of benchmarks/accuracy.py"
    )
    folder = parser.parse_args().accuracy
    seeds = sorted(one for one in folder.glob("seed-*") if (one / "model/model.json").is_file())
    if not seeds:
        print(f"near_misses: no models in {folder}; `make accuracy` trains them", file=sys.stderr)
        return 1
    found = [
        answered(one / "model", folder / "images" / one.name / "processing/output/validation")
        for one in seeds
    ]
    heads = [f"{one.name}: exact | within one" for one in seeds]
    heads.append("found of the smallest count | of the largest")
    print("| worth | " + " | ".join(heads) + " |\n|---" + "|---|---" * len(heads) + "|")
    for engine.NEAR in WORTHS:
        cells, ends = [], []
        for probabilities, truth, classes in found:
            off = np.abs(np.array(classes)[engine.decide(probabilities, classes)] - truth)
            cells += [f"{(off == 0).mean():.1%}", f"{(off <= 1).mean():.1%}"]
            ends.append([(off[truth == count] == 0).mean() for count in (classes[0], classes[-1])])
        cells += [f"{share:.0%}" for share in np.mean(ends, axis=0)]
        print(f"| {engine.NEAR} | " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
