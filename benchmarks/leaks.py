"""How much a split that parts a bin's photos flatters the score: the study of docs/leaks.md.

The same images are split by bin, as Prepare does, and by image; a classifier on features of the
pretrained, frozen backbone learns from the one part and is judged on the other. Neither classifier
has anything to choose, so validation and test are judged together. Run:
    nice -n 7 .venv-steps/bin/python benchmarks/leaks.py [--source FOLDER] [--features FILE]
The folder is laid out like ABID. Features are computed once (minutes) and kept in the file.
"""

import argparse
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "steps"))

import numpy as np  # noqa: E402
import sources  # noqa: E402
import torch  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import Normalizer, StandardScaler  # noqa: E402

import network  # noqa: E402
import pixels  # noqa: E402
from preparation.groups import find_group  # noqa: E402
from preparation.metadata import Bin, parse  # noqa: E402
from preparation.splitting import Member, split  # noqa: E402
from training.model import weights  # noqa: E402

COUNTS, SIZE, BATCH = range(1, 6), 160, 64
CLASSIFIERS: dict[str, Callable[[], object]] = {
    "logistic regression": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(C=1e-3, max_iter=300)
    ),
    # Hardly held back: it learns by heart, as a network does that is trained for long.
    "logistic regression, loose": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(C=1, max_iter=60)
    ),
    "nearest neighbour": lambda: make_pipeline(Normalizer(), KNeighborsClassifier(1)),
}
# What is reported of an answer, as a number for each image.
MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "exact": lambda answer, truth: answer == truth,
    "within one": lambda answer, truth: np.abs(answer - truth) <= 1,
}


@dataclass(frozen=True)
class Images:
    """What is known of n images: ids, counts (n,), bins by number (n,), features (n, d)."""

    ids: list[str]
    counts: np.ndarray
    bins: np.ndarray
    features: np.ndarray


@dataclass
class Tally:
    """Sums over tests of the images of each bin, for the answers of one kind of split."""

    right: np.ndarray
    tests: np.ndarray

    @classmethod
    def empty(cls, bins: int) -> "Tally":
        """Nothing yet."""
        return cls(np.zeros(bins), np.zeros(bins))

    def add(self, bins: np.ndarray, right: np.ndarray) -> None:
        """Add answers for images of these bins."""
        np.add.at(self.right, bins, right)
        np.add.at(self.tests, bins, 1)

    def score(self, weights: np.ndarray) -> float:
        """Share of right answers in per cent, each bin counted as often as its weight says."""
        return float(100 * (weights @ self.right) / max(weights @ self.tests, 1))


def read(source: Path, file: Path) -> Images:
    """All images of the counts, with features from the file or else computed and kept there."""
    found: list[Bin] = []
    items: dict[str, frozenset[str] | None] = {}
    for path in sorted((source / "metadata").glob("*.json")):
        bin_ = parse(path.stem, path.read_bytes())
        items[bin_.id] = bin_.asins
        if bin_.count in COUNTS and (source / "bin-images" / f"{bin_.id}.jpg").exists():
            found.append(bin_)
    ids = [bin_.id for bin_ in found]
    kept = np.load(file) if file.is_file() else None
    if kept is not None and list(kept["ids"]) == ids:
        features = kept["features"]
    else:
        features = compute(source / "bin-images", ids)
        np.savez(file, ids=ids, features=features)
    groups = [find_group(identity, items) for identity in ids]
    number = {group: place for place, group in enumerate(sorted(set(groups)))}
    return Images(
        ids, np.array([b.count for b in found]), np.array([number[g] for g in groups]), features
    )


def compute(folder: Path, ids: Sequence[str]) -> np.ndarray:
    """What the backbone says of each image before its last layer, (n, d)."""
    backbone = weights.pretrained(network.SHIPPED, 2).eval()
    backbone.to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in network.normalisation(network.SHIPPED))
    features = []
    with torch.inference_mode(), ThreadPoolExecutor(2) as threads:
        for start in range(0, len(ids), BATCH):
            files = [folder / f"{identity}.jpg" for identity in ids[start : start + BATCH]]
            decoded = threads.map(lambda file: pixels.decode(file.read_bytes(), SIZE), files)
            batch = torch.from_numpy(np.stack(list(decoded))).permute(0, 3, 1, 2)
            maps = backbone.forward_features((batch.float() / 255 - mean) / std)
            features.append(backbone.forward_head(maps, pre_logits=True).numpy())
            print(f"\rfeatures: {start + len(files)} of {len(ids)}", end="", file=sys.stderr)
    return np.concatenate(features)


def study(images: Images, seeds: int) -> None:
    """Split, learn, judge, and print."""
    sizes = np.bincount(images.bins)
    same, near, pairs = neighbours(images)
    print(
        f"{len(images.ids)} images of {len(sizes)} bins; {int((sizes > 1)[images.bins].sum())} "
        f"have another photo of their bin. Of {pairs} such pairs {same:.1%} hold the same count, "
        f"{near:.1%} counts that differ by one"
    )
    every = {
        (name, measure, kind): Tally.empty(len(sizes))
        for name in CLASSIFIERS
        for measure in MEASURES
        for kind in ("by bin", "by image", "by bin, pairs", "by image, parted", "by image, alone")
    }
    known: dict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        for way in ("by bin", "by image"):
            learnt = learning(images, seed, by_bin=way == "by bin")
            judged = ~learnt
            seen = np.isin(images.bins, images.bins[learnt])[judged]
            paired = (sizes > 1)[images.bins][judged]
            for name, make in CLASSIFIERS.items():
                model = make()
                model.fit(images.features[learnt], images.counts[learnt])
                answer = model.predict(images.features[judged])
                known[name].append(model.score(images.features[learnt], images.counts[learnt]))
                for measure, function in MEASURES.items():
                    right = function(answer, images.counts[judged]).astype(float)
                    kinds = {way: np.ones(len(right), bool)}
                    if way == "by bin":
                        kinds["by bin, pairs"] = paired
                    else:
                        kinds |= {"by image, parted": seen, "by image, alone": ~seen}
                    for kind, chosen in kinds.items():
                        every[name, measure, kind].add(images.bins[judged][chosen], right[chosen])
        print(f"\rseed {seed + 1} of {seeds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    resampled = np.random.default_rng(0).multinomial(
        len(sizes), np.full(len(sizes), 1 / len(sizes)), 2000
    )
    for name in CLASSIFIERS:
        print(f"{name} answers {np.mean(known[name]):.1%} of what it learnt from exactly")
        for measure in MEASURES:
            of = {key[2]: tally for key, tally in every.items() if key[:2] == (name, measure)}
            print(f"{name}, {measure}, % of the images judged over {seeds} seeds:")
            for kind, tally in of.items():
                print(f"  {kind:18} {tally.score(np.ones(len(sizes))):5.1f}  "
                      f"({int(tally.tests.sum())} tests)")  # fmt: skip
            report("by image - by bin", of["by image"], of["by bin"], resampled)
            report("  of parted photos", of["by image, parted"], of["by bin, pairs"], resampled)


def neighbours(images: Images) -> tuple[float, float, int]:
    """Of the pairs of photos of one bin: shares of the same count and of one more or less."""
    members = defaultdict(list)
    for place, number in enumerate(images.bins):
        members[number].append(images.counts[place])
    apart = np.array(
        [
            abs(one - other)
            for counts in members.values()
            for place, one in enumerate(counts)
            for other in counts[:place]
        ]
    )
    return float((apart == 0).mean()), float((apart == 1).mean()), len(apart)


def learning(images: Images, seed: int, by_bin: bool) -> np.ndarray:
    """Which images are learnt from, bool (n,): Prepare's split, of bins or of single images."""
    members = [
        Member(identity, int(count), str(number) if by_bin else identity)
        for identity, count, number in zip(images.ids, images.counts, images.bins, strict=True)
    ]
    parts = split(members, (8, 1, 1), seed)
    return np.array([parts[identity] == "train" for identity in images.ids])


def report(what: str, left: Tally, right: Tally, resampled: np.ndarray) -> None:
    """Print a difference in points, with the 95 % interval of a bootstrap over bins."""
    ones = np.ones(resampled.shape[1])
    drawn = [left.score(weights) - right.score(weights) for weights in resampled]
    low, high = np.percentile(drawn, [2.5, 97.5])
    print(f"  {what:18} {left.score(ones) - right.score(ones):+5.1f}  ({low:+.1f} to {high:+.1f})")


def main() -> None:
    """Read, study, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=sources.folder, default=sources.DEFAULT, help="bins")
    parser.add_argument("--features", type=Path, default=Path("features.npz"))
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # the loose one is stopped on purpose
    study(read(options.source, options.features), options.seeds)


if __name__ == "__main__":
    main()
